import fc from 'fast-check';
import type { RenameMode } from '../../src/union/index.ts';

/** Of what operations set: what is older was not touched by the test's own hand. */
export const SET_TIME = 1_234_567_890_000_000_000n;

type Device = readonly [major: number, minor: number];

/** What is asked of a file system. Slots hold open files. */
export type Operation =
  | {
      readonly kind: 'stat' | 'lstat' | 'list' | 'read' | 'readlink' | 'realpath' | 'rmdir' | 'unlink';
      readonly path: string;
    }
  | { readonly kind: 'write' | 'append'; readonly path: string; readonly text: string }
  | { readonly kind: 'create'; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'mkdir' | 'chmod'; readonly path: string; readonly mode: number }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string; readonly mode: RenameMode }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'mknod'; readonly path: string; readonly mode: number; readonly device: Device }
  | { readonly kind: 'chown'; readonly path: string; readonly uid: number; readonly gid: number }
  | { readonly kind: 'times'; readonly path: string; readonly time: bigint }
  | { readonly kind: 'getXattr' | 'removeXattr'; readonly path: string; readonly name: string }
  | { readonly kind: 'setXattr'; readonly path: string; readonly name: string; readonly value: string }
  | { readonly kind: 'listXattr'; readonly path: string }
  | { readonly kind: 'open'; readonly path: string; readonly slot: number; readonly how: OpenHow }
  | { readonly kind: 'readSlot'; readonly slot: number; readonly position: number }
  | { readonly kind: 'writeSlot'; readonly slot: number; readonly position: number; readonly text: string }
  | { readonly kind: 'truncateSlot'; readonly slot: number; readonly size: number }
  | { readonly kind: 'statSlot' | 'closeSlot'; readonly slot: number };

type OpenHow = 'read' | 'write' | 'update' | 'create' | 'truncate';

/** One name of a layer. Entries that contradict earlier ones are left out when a layer is made. */
export type Member =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number; readonly opaque: boolean }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly text: string;
      readonly xattr: boolean;
    }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'fifo' | 'device' | 'whiteout'; readonly path: string };

const component = fc.constantFrom('a', 'b', 'c');
export const path: fc.Arbitrary<string> = fc
  .array(component, { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('/'));
/** Nothing that leads out of the tree: the kernel's mount has something outside, ours has not. */
const target = fc.constantFrom('a', 'b', 'a/b', 'c/a', 'nowhere/x', 'c/');
const asked = fc.oneof(
  { weight: 20, arbitrary: path },
  { weight: 1, arbitrary: path.map((text) => `${text}/`) },
  { weight: 1, arbitrary: path.map((text) => `${text}/.`) },
  { weight: 1, arbitrary: path.map((text) => `${text}/..`) },
  { weight: 1, arbitrary: path.map((text) => `${text}/${'n'.repeat(256)}`) },
);
const text = fc.string({ maxLength: 12, unit: fc.constantFrom('x', 'y', 'z') });
const mode = fc.constantFrom(0o644, 0o755, 0o700, 0o4755, 0o2755, 0o1777, 0o6711);

const member: fc.Arbitrary<Member> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('directory'), path, mode, opaque: fc.constantFrom(false, false, true) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('file'), path, mode, text, xattr: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('symlink'), path, target }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('link'), path, to: path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('fifo', 'device', 'whiteout', 'whiteout'), path }) },
);

export const layers: fc.Arbitrary<Member[][]> = fc.array(fc.array(member, { maxLength: 8 }), {
  minLength: 1,
  maxLength: 3,
});

const slot = fc.constantFrom(0, 1);
const xattr = fc.constantFrom(
  'user.one',
  'user.two',
  'trusted.three',
  'trusted.overlay.opaque',
  'trusted.overlay.x',
  'user.overlay.y',
);
const position = fc.constantFrom(0, 3, 20);
const size = fc.constantFrom(0, 2, 30);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('stat', 'lstat', 'list', 'read', 'readlink', 'realpath'),
      path: asked,
    }),
  },
  { weight: 7, arbitrary: fc.record({ kind: fc.constantFrom('rmdir', 'unlink', 'unlink'), path: asked }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('write', 'append'), path: asked, text }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('create'), path: asked, text, mode }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate'), path: asked, size }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('mkdir', 'mkdir', 'chmod'), path: asked, mode }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('rename'),
      path: asked,
      to: asked,
      mode: fc.constantFrom<RenameMode>('replace', 'replace', 'replace', 'keep', 'exchange'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('link'), path: asked, to: asked }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('symlink'), path: asked, target }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('mknod'),
      path: asked,
      mode: fc.constantFrom(0o010644, 0o020600, 0o060600, 0o140600, 0o100600),
      device: fc.constantFrom<Device>([0, 0], [1, 3]),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('chown'),
      path: asked,
      uid: fc.constantFrom(0, 1000),
      gid: fc.constantFrom(0, 50),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('times'),
      path: asked,
      time: fc.nat(999).map((ns) => SET_TIME + BigInt(ns)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('getXattr', 'removeXattr'), path: asked, name: xattr }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('setXattr'), path: asked, name: xattr, value: text }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('listXattr'), path: asked }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('open'),
      path: asked,
      slot,
      how: fc.constantFrom<OpenHow>('read', 'read', 'write', 'update', 'create', 'truncate'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('readSlot'), slot, position }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('writeSlot'), slot, position, text }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncateSlot'), slot, size }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('statSlot', 'closeSlot'), slot }) },
);

export const operations: fc.Arbitrary<Operation[]> = fc.array(operation, { maxLength: 25, size: 'max' });
