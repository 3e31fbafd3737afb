import assert from 'node:assert/strict';
import test from 'node:test';
import { hasCode } from '../std/index.ts';
import { digestOf } from './digest.ts';
import { MediaType } from './media-types.ts';
import { formatPlatform, hostPlatform, parsePlatform, selectPlatform } from './platform.ts';
import type { Descriptor } from './types.ts';

function entry(platform: string, extra: Partial<Descriptor> = {}): Descriptor {
  const [os = '', architecture = '', variant] = platform.split('/');
  return {
    mediaType: MediaType.ociManifest,
    digest: digestOf(JSON.stringify([platform, extra])),
    size: 1,
    platform: { os, architecture, ...(variant && { variant }) },
    ...extra,
  };
}

test('other names of an architecture become those of Go', () => {
  const cases: [string, string][] = [
    ['linux/x86_64', 'linux/amd64'],
    ['linux/x86-64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['Linux/AMD64/V3', 'linux/amd64/v3'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm64/v9', 'linux/arm64/v9'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/i386', 'linux/386'],
    ['macos/arm64', 'darwin/arm64'],
    ['windows(10.0.17763)/amd64', 'windows/amd64'],
    ['plan10/frob', 'plan10/frob'],
  ];
  for (const [text, expected] of cases) assert.equal(formatPlatform(parsePlatform(text)), expected, text);
  assert.equal(parsePlatform('windows(10.0.17763)/amd64')['os.version'], '10.0.17763');
});

test('one word is a system or an architecture, the rest is the host', () => {
  assert.equal(parsePlatform('arm64').architecture, 'arm64');
  assert.equal(parsePlatform('arm64').os, 'linux');
  assert.deepEqual(parsePlatform('linux'), hostPlatform());
  assert.equal(parsePlatform('windows').os, 'windows');
});

test('nonsense is refused', () => {
  for (const text of ['', 'linux/', 'linux/a/b/c', 'a b/amd64', 'linux/*', 'frobnitz', '/amd64']) {
    assert.throws(
      () => parsePlatform(text),
      (error) => hasCode(error, 'InvalidArgument'),
      text,
    );
  }
});

test('the best fitting entry of an index is chosen', () => {
  const index = ['linux/386', 'linux/amd64', 'linux/arm/v5', 'linux/arm/v6', 'linux/arm64/v8', 'windows/amd64'].map(
    (platform) => entry(platform),
  );
  const choose = (platform: string): string | undefined => {
    const found = selectPlatform(index, parsePlatform(platform))?.platform;
    return found && formatPlatform(found);
  };
  assert.equal(choose('linux/amd64'), 'linux/amd64');
  assert.equal(choose('linux/amd64/v3'), 'linux/amd64');
  assert.equal(choose('linux/arm/v7'), 'linux/arm/v6');
  assert.equal(choose('linux/arm64'), 'linux/arm64/v8');
  assert.equal(choose('linux/arm64/v9'), 'linux/arm64/v8');
  assert.equal(choose('linux/s390x'), undefined);
  assert.equal(choose('darwin/arm64'), undefined);
});

test('a newer variant or a wider architecture is never chosen', () => {
  assert.equal(selectPlatform([entry('linux/amd64/v3')], parsePlatform('linux/amd64')), undefined);
  assert.equal(selectPlatform([entry('linux/arm/v7')], parsePlatform('linux/arm/v6')), undefined);
  assert.equal(selectPlatform([entry('linux/amd64')], parsePlatform('linux/386')), undefined);
  const v2 = entry('linux/amd64/v2');
  assert.equal(
    selectPlatform([entry('linux/amd64'), v2, entry('linux/amd64/v4')], parsePlatform('linux/amd64/v3')),
    v2,
  );
});

test('a machine takes what it runs besides its own, where there is nothing else', () => {
  const narrow = entry('linux/386');
  assert.equal(selectPlatform([narrow], parsePlatform('linux/amd64')), narrow);
  const arm = entry('linux/arm/v7');
  assert.equal(selectPlatform([entry('linux/arm/v6'), arm], parsePlatform('linux/arm64')), arm);
});

test('attestations are never chosen, an unlabelled image only when it is alone', () => {
  const attestation = entry('unknown/unknown', {
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  });
  const disguised = entry('linux/amd64', { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } });
  const image = entry('linux/amd64');
  const { platform: _, ...unlabelled } = image;
  const wanted = parsePlatform('linux/amd64');
  assert.equal(selectPlatform([attestation, disguised, image], wanted), image);
  assert.equal(selectPlatform([attestation, disguised], wanted), undefined);
  assert.equal(selectPlatform([attestation, unlabelled], wanted), unlabelled);
  assert.equal(selectPlatform([unlabelled, entry('linux/s390x')], wanted), undefined);
  assert.equal(selectPlatform([{ ...unlabelled, artifactType: 'application/x' }], wanted), undefined);
});

test('an exact system version is preferred', () => {
  const of = (version: string): Descriptor =>
    entry('windows/amd64', { platform: { os: 'windows', architecture: 'amd64', 'os.version': version } });
  const [a, b] = [of('10.0.1'), of('10.0.2')];
  assert.equal(selectPlatform([a, b], parsePlatform('windows(10.0.2)/amd64')), b);
  assert.equal(selectPlatform([a, b], parsePlatform('windows/amd64')), a);
});
