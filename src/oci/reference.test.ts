import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../std/index.ts';
import { digestOf } from './digest.ts';
import {
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from './reference.ts';

const DIGEST = digestOf('');
const HEX = DIGEST.slice(7);

// text, in full, familiar
const good: [string, string, string][] = [
  ['debian', 'docker.io/library/debian', 'debian'],
  ['debian:12', 'docker.io/library/debian:12', 'debian:12'],
  ['user/app', 'docker.io/user/app', 'user/app'],
  ['library/debian', 'docker.io/library/debian', 'debian'],
  ['library/foo/bar', 'docker.io/library/foo/bar', 'library/foo/bar'],
  ['docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['docker.io/user/app', 'docker.io/user/app', 'user/app'],
  ['index.docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['index.docker.io/user/app:1', 'docker.io/user/app:1', 'user/app:1'],
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app:x', 'localhost:5000/app:x', 'localhost:5000/app:x'],
  ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
  ['localhost', 'docker.io/library/localhost', 'localhost'],
  ['example.com', 'docker.io/library/example.com', 'example.com'],
  ['127.0.0.1:5000/app', '127.0.0.1:5000/app', '127.0.0.1:5000/app'],
  ['[::1]:5000/app:tag', '[::1]:5000/app:tag', '[::1]:5000/app:tag'],
  ['[2001:db8::1]/a/b', '[2001:db8::1]/a/b', '[2001:db8::1]/a/b'],
  ['host:5000/app', 'host:5000/app', 'host:5000/app'],
  ['Uppercase/lower', 'Uppercase/lower', 'Uppercase/lower'],
  ['xn--n3h.com/myimage:xn--n3h.com', 'xn--n3h.com/myimage:xn--n3h.com', 'xn--n3h.com/myimage:xn--n3h.com'],
  ['test_com/foo', 'docker.io/test_com/foo', 'test_com/foo'],
  ['foo__bar/a---b/c.d_e', 'docker.io/foo__bar/a---b/c.d_e', 'foo__bar/a---b/c.d_e'],
  ['a/b/c/d/e', 'docker.io/a/b/c/d/e', 'a/b/c/d/e'],
  [`debian@${DIGEST}`, `docker.io/library/debian@${DIGEST}`, `debian@${DIGEST}`],
  [`debian:12@${DIGEST}`, `docker.io/library/debian:12@${DIGEST}`, `debian:12@${DIGEST}`],
  [`user/${HEX}`, `docker.io/user/${HEX}`, `user/${HEX}`],
  [`docker.io/library/${HEX}`, `docker.io/library/${HEX}`, `docker.io/library/${HEX}`],
  [`example.com/${'a'.repeat(255)}`, `example.com/${'a'.repeat(255)}`, `example.com/${'a'.repeat(255)}`],
  [`a:${'T'.repeat(128)}`, `docker.io/library/a:${'T'.repeat(128)}`, `a:${'T'.repeat(128)}`],
];

const bad: [string, RegExp][] = [
  ['', /it is empty/],
  [HEX, /64 hex digits name an image by its ID/],
  ['Debian', /must be lower case: did you mean "debian"/],
  ['user/App:Tag', /lower case: did you mean "user\/app"/],
  ['example.com/Foo', /did you mean "foo"/],
  ['https://example.com/foo', /no scheme; leave out "https:\/\/"/],
  ['docker://debian', /leave out "docker:\/\/"/],
  ['-debian', /"-debian" is no repository component/],
  ['debian-', /no repository component/],
  ['a..b', /no repository component/],
  ['a___b', /no repository component/],
  ['a._b', /no repository component/],
  ['a//b', /empty component/],
  ['/a', /empty component/],
  ['a/', /empty component/],
  ['example.com/', /name is missing/],
  ['docker.io/', /name is missing/],
  [':tag', /name is missing/],
  ['debian:', /tag after ":" is missing/],
  ['debian:-1', /"-1" is no tag/],
  ['debian:a b', /"a b" is no tag/],
  ['debian:tag\n', /no tag/],
  ['debian\n', /no repository component/],
  ['user/app:5000/x', /port belongs to a registry host/],
  [`a:${'t'.repeat(129)}`, /129 characters/],
  [`example.com/${'a'.repeat(256)}`, /256 characters/],
  ['debian@', /invalid digest ""/],
  ['debian@sha256:abc', /64 lower-case hex/],
  [`debian@sha256:${HEX.toUpperCase()}`, /lower-case hex/],
  [`debian@sha384:${'a'.repeat(96)}`, /expected sha256/],
  [`debian@${DIGEST}:12`, /lower-case hex/],
  ['[fe80::1%eth0]/a', /no registry host/],
  ['[::1/a', /no registry host/],
  ['::1/a', /no registry host/],
  ['host:port/a', /"host:port" is no registry host/],
  ['foo_bar.com/a', /"foo_bar\.com" is no registry host/],
  ['-a.com/b', /no registry host/],
  ['user@host/a', /.*/],
  ['dépôt', /no repository component/],
];

test('a reference reads as docker reads it, and prints in full and as people type it', () => {
  for (const [text, full, familiar] of good) {
    const reference = parseReference(text);
    assert.equal(formatReference(reference), full, text);
    assert.equal(familiarReference(reference), familiar, text);
    assert.deepEqual(parseReference(familiar), reference, text);
  }
});

test('a malformed reference is refused with what is wrong in it', () => {
  for (const [text, message] of bad) {
    assert.throws(
      () => parseReference(text),
      (error) => hasCode(error, 'InvalidArgument') && message.test((error as Error).message),
      text,
    );
  }
});

test('latest is added only where there is neither tag nor digest', () => {
  assert.equal(formatReference(withDefaultTag(parseReference('debian'))), 'docker.io/library/debian:latest');
  assert.equal(formatReference(withDefaultTag(parseReference('debian:12'))), 'docker.io/library/debian:12');
  assert.equal(withDefaultTag(parseReference(`debian@${DIGEST}`)).tag, undefined);
});

test('parsing what was formatted gives the same reference, in both forms', () => {
  const label = fc.stringMatching(/^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,4}[a-zA-Z0-9])?$/);
  const host = fc.oneof(
    fc.constant('docker.io'),
    fc.constant('localhost'),
    fc.tuple(label, label).map(([a, b]) => `${a}.${b}`),
    fc.stringMatching(/^\[[a-f0-9]{0,4}:[a-f0-9:]{0,8}\]$/),
  );
  const registry = fc
    .tuple(host, fc.option(fc.integer({ min: 0, max: 65535 })))
    .map(([name, port]) => (port === null ? name : `${name}:${port}`))
    .filter((name) => name !== 'index.docker.io');
  const component = fc.stringMatching(/^[a-z0-9]{1,4}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,3}){0,2}$/);
  const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const reference = fc
    .record(
      {
        registry,
        repository,
        tag: fc.stringMatching(/^\w[\w.-]{0,10}$/),
        digest: fc.string().map((content) => digestOf(content)),
      },
      { requiredKeys: ['registry', 'repository'], noNullPrototype: true },
    )
    // docker.io has no repository of one component: it is in library/.
    .map(
      (value): Reference =>
        value.registry === 'docker.io' && !value.repository.includes('/')
          ? { ...value, repository: `library/${value.repository}` }
          : value,
    );
  fc.assert(
    fc.property(reference, (value) => {
      assert.deepEqual(parseReference(formatReference(value)), value);
      assert.deepEqual(parseReference(familiarReference(value)), value);
      assert.ok(familiarReference(value).startsWith(familiarName(value)));
    }),
  );
});

test('whatever the text, it is read or refused with InvalidArgument', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9./:@_[\]-]{0,40}$/)), (text) => {
      try {
        const reference = parseReference(text);
        assert.deepEqual(parseReference(formatReference(reference)), reference);
      } catch (error) {
        assert.ok(hasCode(error, 'InvalidArgument'), String(error));
      }
    }),
  );
});
