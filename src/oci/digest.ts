import { createHash, type Hash } from 'node:crypto';
import { EngineError } from '../std/index.ts';

export type DigestAlgorithm = 'sha256' | 'sha512';

/** Names bytes by their hash: `sha256:…` (64 hex digits) or `sha512:…` (128). See image-spec descriptor.md, "Digests". */
export type Digest = `${DigestAlgorithm}:${string}`;

const PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Digest of `data`. */
export function digestOf(data: string | Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(data).digest('hex')}`;
}

/** Whether `text` is a digest in full: only such may become a path. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && PATTERN.test(text);
}

export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const algorithm = text.includes(':') ? text.slice(0, text.indexOf(':')) : undefined;
  if (algorithm === 'sha256' || algorithm === 'sha512') {
    throw new EngineError(
      'InvalidArgument',
      `invalid digest ${JSON.stringify(text)}: ${algorithm} needs ${algorithm === 'sha256' ? 64 : 128} lower-case hex digits`,
    );
  }
  throw new EngineError('InvalidArgument', `invalid digest ${JSON.stringify(text)}: expected sha256:… or sha512:…`);
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Hashes bytes as they pass; `digest()` ends it. */
export function createDigester(algorithm: DigestAlgorithm = 'sha256'): {
  update(chunk: Uint8Array): void;
  digest(): Digest;
} {
  const hash: Hash = createHash(algorithm);
  return {
    update(chunk) {
      hash.update(chunk);
    },
    digest: () => `${algorithm}:${hash.digest('hex')}`,
  };
}

/** Bytes that are not what their name says. */
export class DigestMismatch extends EngineError {
  readonly expected: Digest;
  readonly actual: Digest;

  constructor(what: string, expected: Digest, actual: Digest) {
    super('DataLoss', `${what} has digest ${actual}, expected ${expected}`, { details: { expected, actual } });
    this.expected = expected;
    this.actual = actual;
  }
}

/** Names a stack of layers, oldest first. See image-spec config.md, "Layer ChainID". */
export function chainID(diffIDs: readonly [Digest, ...Digest[]]): Digest {
  return diffIDs.reduce((parent, diffID) => digestOf(`${parent} ${diffID}`));
}

/** The chainID of every prefix of a stack: `chainIDs([a, b])` is `[chainID([a]), chainID([a, b])]`. */
export function chainIDs(diffIDs: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffID of diffIDs) {
    const parent = chain.at(-1);
    chain.push(parent ? digestOf(`${parent} ${diffID}`) : diffID);
  }
  return chain;
}
