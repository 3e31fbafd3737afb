import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { inheritAcl } from './acl.ts';
import { Listing } from './listing.ts';
import { IN_HEADER, OUT_HEADER } from './protocol.ts';
import { Server } from './server.ts';
import { openSession } from './session.ts';
import { memoryFileSystem } from './testing-memory.ts';

const sink = openSync('/dev/null', 'w');
after(() => closeSync(sink));

/** A request with its header as the kernel writes it, but for what is said otherwise. */
function message(body: Uint8Array, { opcode = 1, node = 1, length = IN_HEADER + body.length, extended = 0 }): Buffer {
  const bytes = Buffer.alloc(IN_HEADER + body.length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(opcode, 4);
  bytes.writeUInt32LE(node, 16);
  bytes.writeUInt16LE(extended, 36);
  bytes.set(body, IN_HEADER);
  return bytes;
}

function serve(server: Server, bytes: Buffer): void {
  bytes.copy(server.request.buffer);
  server.answer(bytes.length);
}

const newServer = (): Server => new Server(openSession(sink, memoryFileSystem()), { passthrough: false });

describe('requests that no kernel sends', () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // numbers that are mostly small, then names: what gets past the first checks
    fc
      .tuple(
        fc.array(fc.constantFrom(0, 1, 2, 3, 8, 4096, 0xffffffff), { maxLength: 12 }),
        fc.constantFrom('a\0', 'a\0b\0', '../x\0', '\0', 'no end', `${'n'.repeat(300)}\0`),
      )
      .map(([numbers, text]) => Buffer.concat([Buffer.from(new Uint32Array(numbers).buffer), Buffer.from(text)])),
  );

  test('harm nobody, one after the other', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            body,
            opcode: fc.nat(70),
            node: fc.nat(5),
            extended: fc.constantFrom(0, 0, 1, 0xffff),
          }),
          { maxLength: 50 },
        ),
        (requests) => {
          const server = newServer();
          for (const { body, ...header } of requests) serve(server, message(body, header));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of another length than they say are no requests', () => {
    const server = newServer();
    for (const length of [0, 39, 40, 42, 0xffffffff]) serve(server, message(Buffer.from('a'), { length }));
    server.answer(7);
  });

  test('a name that leads elsewhere is refused', () => {
    const names: string[] = [];
    const fileSystem = memoryFileSystem();
    const server = new Server(
      openSession(sink, {
        ...fileSystem,
        lookup(directory, name) {
          names.push(name);
          return fileSystem.lookup(directory as typeof fileSystem.root, name);
        },
      } as typeof fileSystem),
      { passthrough: false },
    );
    for (const name of ['..', '.', '', 'a/b', '/', 'good', `${'x'.repeat(256)}`])
      serve(server, message(Buffer.from(`${name}\0`), {}));
    assert.deepEqual(names, ['good']);
  });
});

test('an answer never is larger than its asker has room for', () => {
  const server = newServer();
  for (let i = 0; i < 300; i++) {
    const create = Buffer.concat([Buffer.alloc(16), Buffer.from(`file-${i}\0`)]);
    create.writeUInt32LE(0o644, 4);
    serve(server, message(create, { opcode: 35 }));
  }
  for (const opcode of [28, 44]) {
    for (const room of [0, 1, 24, 100, 4096]) {
      const read = Buffer.alloc(40);
      read.writeUInt32LE(room, 16);
      serve(server, message(read, { opcode }));
      assert.ok(server.answered <= OUT_HEADER + room, `${server.answered} for ${room}`);
    }
  }
});

test('a listing keeps the place of every name that stays', () => {
  const name = fc.stringMatching(/^[a-f]{1,2}$/);
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(name, { maxLength: 20 }), { minLength: 2, maxLength: 5 }), (states) => {
      const listing = new Listing();
      const cookies = new Map<string, number>();
      for (const [round, names] of states.entries()) {
        listing.renew(names.map((name) => ({ name, type: 'file' })));
        let last = 2;
        for (let at = listing.after(2); listing.at(at); at++) {
          const { entry, cookie } = listing.at(at) as NonNullable<ReturnType<Listing['at']>>;
          assert.ok(cookie > last);
          last = cookie;
          if (round > 0 && states[round - 1]?.includes(entry.name)) assert.equal(cookies.get(entry.name), cookie);
          cookies.set(entry.name, cookie);
        }
      }
    }),
  );
});

test('a default ACL takes the place of the umask', () => {
  const entry = (tag: number, permissions: number): number[] => [tag, permissions, 0xffff, 0xffff];
  const acl = (...entries: number[][]): Buffer => Buffer.from(new Uint16Array([2, 0, ...entries.flat()]).buffer);
  const plain = acl(entry(1, 7), entry(4, 5), entry(0x20, 0));
  assert.deepEqual(inheritAcl(plain, 0o100666), { mode: 0o100640 });
  const named = acl(entry(1, 7), [2, 6, 1000, 0], entry(4, 5), entry(0x10, 7), entry(0x20, 1));
  assert.deepEqual(inheritAcl(named, 0o100664), {
    mode: 0o100660,
    access: acl(entry(1, 6), [2, 6, 1000, 0], entry(4, 5), entry(0x10, 6), entry(0x20, 0)),
  });
});
