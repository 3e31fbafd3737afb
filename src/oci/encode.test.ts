import assert from 'node:assert/strict';
import test from 'node:test';
import { digestOf } from './digest.ts';
import { describe, encodeDocument } from './encode.ts';
import { MediaType } from './media-types.ts';

test('a document is printed as Go prints it', () => {
  const value = {
    schemaVersion: 2,
    skipped: undefined,
    cmd: 'a && b <c> \u2028 "\\ \u007f é \n',
    layers: [{ size: 1 }, null],
    annotations: { b: '1', a: '2', '10': 'x', '9': 'y', '\u{1f600}': 'z', '\uffee': 'w' },
    config: { Labels: { z: '', annotations: 'kept' }, Env: [], Healthcheck: {} },
    lone: '\ud800',
  };
  assert.equal(
    encodeDocument(value).toString(),
    '{"schemaVersion":2,"cmd":"a \\u0026\\u0026 b \\u003cc\\u003e \\u2028 \\"\\\\ \u007f é \\n","layers":[{"size":1},null],' +
      '"annotations":{"10":"x","9":"y","a":"2","b":"1","\uffee":"w","\u{1f600}":"z"},' +
      '"config":{"Labels":{"annotations":"kept","z":""},"Env":[],"Healthcheck":{}},"lone":"\ufffd"}',
  );
});

test('maps in another order give the same digest', () => {
  const a = encodeDocument({ config: { Labels: { x: '1', y: '2' }, Volumes: { '/b': {}, '/a': {} } } });
  const b = encodeDocument({ config: { Labels: { y: '2', x: '1' }, Volumes: { '/a': {}, '/b': {} } } });
  assert.deepEqual(a, b);
});

test('a descriptor says how many bytes there are and what they hash to', () => {
  assert.deepEqual(describe(Buffer.from('{}'), MediaType.ociEmpty), {
    mediaType: MediaType.ociEmpty,
    digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    size: 2,
  });
  assert.equal(describe(Buffer.from('{}'), '').digest, digestOf('{}'));
});
