import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Digest, digestOf, MediaType } from '../../src/oci/index.ts';

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as JSON. */
  json<Type>(): Type;
  /** Code of the first error in the body. */
  code(): string | undefined;
}

export interface CallOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

/** Sends requests as they are given, with nothing added that a client library would add. */
export interface Caller {
  (method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Pushes a blob in one request. */
  blob(repository: string, content: string | Uint8Array): Promise<Digest>;
  /** Pushes a manifest and gives its digest. */
  manifest(repository: string, reference: string, document: object): Promise<Digest>;
  /** Pushes a config, a layer and a manifest over them. */
  image(repository: string, tag: string, layer: string | Uint8Array): Promise<Image>;
}

export interface Image {
  readonly config: Digest;
  readonly layer: Digest;
  readonly manifest: Digest;
  readonly document: object;
}

export function callerOf(
  url: string,
  { ca, user, bearer }: { ca?: string; user?: string; bearer?: string } = {},
): Caller {
  const call = (method: string, path: string, { headers = {}, body }: CallOptions = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const send = url.startsWith('https:') ? httpsRequest : httpRequest;
      const target = new URL(url);
      const request = send(
        {
          host: target.hostname.replace(/^\[|\]$/g, ''),
          port: target.port,
          path, // not through URL, which would tidy `..` away
          method,
          headers: {
            ...(user !== undefined && { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
            ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
            ...(body !== undefined &&
              !('transfer-encoding' in headers) && { 'content-length': Buffer.byteLength(body) }),
            ...headers,
          },
          ...(ca !== undefined && { ca }),
          agent: false,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))),
          );
        },
      );
      request.on('error', reject);
      request.end(body);
    });

  const expectCreated = (answer: Answer, what: string): void => {
    if (answer.status !== 201) throw new Error(`${what}: ${answer.status} ${answer.body}`);
  };
  const blob = async (repository: string, content: string | Uint8Array): Promise<Digest> => {
    const digest = digestOf(content);
    const answer = await call('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: content });
    expectCreated(answer, 'blob');
    return digest;
  };
  const manifest = async (repository: string, reference: string, document: object): Promise<Digest> => {
    const body = JSON.stringify(document);
    const { mediaType } = document as { mediaType: string };
    const answer = await call('PUT', `/v2/${repository}/manifests/${reference}`, {
      body,
      headers: { 'content-type': mediaType },
    });
    expectCreated(answer, 'manifest');
    return digestOf(body);
  };
  const image = async (repository: string, tag: string, layer: string | Uint8Array): Promise<Image> => {
    const config = await blob(repository, '{}');
    const layerDigest = await blob(repository, layer);
    const document = imageManifest({ config, layer: layerDigest, layerSize: Buffer.byteLength(layer) });
    return { config, layer: layerDigest, manifest: await manifest(repository, tag, document), document };
  };
  return Object.assign(call, { blob, manifest, image });
}

/** A manifest of one layer over the config `{}`. */
export function imageManifest(
  { config = digestOf('{}'), layer, layerSize }: { config?: Digest; layer: Digest; layerSize: number },
  more: object = {},
): object {
  return {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, digest: config, size: 2 },
    layers: [{ mediaType: MediaType.ociLayer, digest: layer, size: layerSize }],
    ...more,
  };
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
  const json = <Type>(): Type => JSON.parse(body.toString()) as Type;
  return {
    status,
    headers,
    body,
    json,
    code: () => json<{ errors?: { code: string }[] }>().errors?.[0]?.code,
  };
}
