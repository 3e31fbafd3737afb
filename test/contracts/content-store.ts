import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Digest, DigestMismatch, digestOf } from '../../src/oci/index.ts';
import { EngineError, hasCode, readAll } from '../../src/std/index.ts';
import type { ContentStore, ExistingBlob, Ingest } from '../../src/store/index.ts';

/** What every ContentStore does. `open` gives a fresh one that the test's end removes. */
export function contentStoreContract(name: string, open: (t: TestContext) => Promise<ContentStore>): void {
  const it = (sentence: string, body: (content: ContentStore, t: TestContext) => Promise<void>): void => {
    void test(`${name}: ${sentence}`, async (t) => body(await open(t), t));
  };

  it('what is put is read back by its digest', async (content) => {
    const bytes = randomBytes(1000);
    const digest = await content.put(bytes);
    assert.equal(digest, digestOf(bytes));
    assert.deepEqual(await content.read(digest), bytes);
    assert.deepEqual(await content.stat(digest), { size: 1000 });
    assert.equal(await content.put(bytes), digest);
  });

  it('what is not there is undefined, false or NotFound', async (content) => {
    const digest = digestOf('nothing');
    assert.equal(await content.stat(digest), undefined);
    assert.equal(await content.touch(digest), false);
    await assert.rejects(content.read(digest), code('NotFound'));
    await assert.rejects(readAll(content.stream(digest), { limit: 1, what: 'it' }), code('NotFound'));
  });

  it('a document is verified when it is read', async (content) => {
    const digest = await content.put(Buffer.from('right'));
    await writeFile(content.path(digest), 'wrong');
    await assert.rejects(content.read(digest), (error) => error instanceof DigestMismatch && error.expected === digest);
  });

  it('no more is read at once than is asked for', async (content) => {
    const digest = await content.put(Buffer.alloc(100));
    await assert.rejects(content.read(digest, { limit: 99 }), code('ResourceExhausted'));
    assert.equal((await content.read(digest, { limit: 100 })).length, 100);
  });

  it('only a digest becomes a path', async (content) => {
    const hex = 'a'.repeat(64);
    const hostile = [
      'sha256:../../x',
      `sha256:${'../'.repeat(21)}x`,
      `sha256:${hex}/../${hex}`,
      `sha256:${hex}\0`,
      `sha256:${hex}\n`,
      `sha256:${hex.toUpperCase()}`,
      `md5:${hex.slice(32)}`,
      `../sha256:${hex}`,
      `sha512:${hex}`,
      'sha256:',
      '',
      'constructor',
    ] as Digest[];
    for (const digest of hostile) {
      assert.throws(() => content.path(digest), code('InvalidArgument'), digest);
      await assert.rejects(async () => content.stat(digest), code('InvalidArgument'));
      await assert.rejects(async () => content.read(digest), code('InvalidArgument'));
      await assert.rejects(async () => content.touch(digest), code('InvalidArgument'));
      await assert.rejects(async () => content.ingest({ digest }), code('InvalidArgument'));
    }
  });

  it('a blob is streamed from any offset', async (content) => {
    const bytes = randomBytes(3 << 20);
    const digest = await fill(await content.ingest({ size: bytes.length }), bytes);
    for (const offset of [0, 1, 1 << 20, bytes.length - 1, bytes.length, bytes.length + 5]) {
      const found = await readAll(content.stream(digest, offset), { limit: bytes.length, what: 'it' });
      assert.ok(found.equals(bytes.subarray(offset)), `from ${offset}`);
    }
  });

  it('whatever the chunks, the blob is their sum', async (content) => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.boolean(), async (parts, sized) => {
        const whole = Buffer.concat(parts);
        await using ingest = await content.ingest(sized ? { size: whole.length } : {});
        assert.ok(!('exists' in ingest));
        const reused = Buffer.alloc(5000);
        for (const part of parts) {
          reused.set(part);
          await ingest.write(reused.subarray(0, part.length));
        }
        assert.deepEqual(await ingest.commit(), { digest: digestOf(whole), size: whole.length });
        assert.deepEqual(await content.read(digestOf(whole)), whole);
      }),
      { numRuns: 15 },
    );
  });

  it('sha512 is as good a name as sha256', async (content) => {
    const bytes = randomBytes(100);
    const digest = digestOf(bytes, 'sha512');
    assert.equal(await fill(await content.ingest({ digest }), bytes), digest);
    assert.deepEqual(await content.read(digest), bytes);
  });

  it('nothing is visible before it is verified', async (content) => {
    const bytes = randomBytes(10);
    const digest = digestOf(bytes);
    await using ingest = await requireIngest(content.ingest({ digest }));
    await ingest.write(bytes);
    assert.equal(await content.stat(digest), undefined);
    await ingest.commit();
    assert.deepEqual(await content.stat(digest), { size: 10 });
  });

  it('what is not what was expected is refused and forgotten', async (content) => {
    const bytes = randomBytes(10);
    const digest = digestOf(bytes);
    const flipped = Buffer.from(bytes);
    flipped[3] = (flipped[3] as number) ^ 1;
    await assert.rejects(fill(await content.ingest({ digest }), flipped), (error) => error instanceof DigestMismatch);
    await assert.rejects(fill(await content.ingest({ digest, size: 9 }), bytes), code('DataLoss'));
    assert.equal(await content.stat(digest), undefined);
    await using again = await requireIngest(content.ingest({ digest }));
    assert.equal(again.offset, 0);
  });

  it('what was cut off is taken up where it ended', async (content) => {
    const bytes = randomBytes(2_500_000);
    const digest = digestOf(bytes);
    {
      await using first = await requireIngest(content.ingest({ digest, size: bytes.length, reference: 'there' }));
      await first.write(bytes.subarray(0, 1_500_000));
      await assert.rejects(first.commit(), code('DataLoss'));
    }
    await using second = await requireIngest(content.ingest({ digest, size: bytes.length }));
    assert.equal(second.offset, 1_500_000);
    await second.write(bytes.subarray(second.offset));
    await second.commit();
    assert.ok((await readFile(content.path(digest))).equals(bytes));
  });

  it('a source that can not resume starts again', async (content) => {
    const bytes = randomBytes(1_500_000);
    const digest = digestOf(bytes);
    {
      await using first = await requireIngest(content.ingest({ digest }));
      await first.write(randomBytes(1_200_000)); // of another version, say
    }
    await using second = await requireIngest(content.ingest({ digest }));
    const before = second.file;
    await second.restart();
    assert.equal(second.offset, 0);
    assert.notEqual(second.file, before);
    await second.write(bytes);
    assert.deepEqual(await second.commit(), { digest, size: bytes.length });
    await assert.rejects(before.read().next(), code('Unavailable'));
  });

  it('a second writer of a blob waits and finds it', async (content) => {
    const bytes = randomBytes(1000);
    const digest = digestOf(bytes);
    await using first = await requireIngest(content.ingest({ digest }));
    const second = content.ingest({ digest });
    await first.write(bytes);
    await first.commit();
    const found = await second;
    assert.ok('exists' in found);
    assert.equal(found.size, 1000);
    assert.ok((await readAll(found.file.read(), { limit: 1000, what: 'it' })).equals(bytes));
  });

  it('a second writer goes on when the first gives up', async (content) => {
    const bytes = randomBytes(1_200_000);
    const digest = digestOf(bytes);
    const first = await requireIngest(content.ingest({ digest }));
    const waiting = content.ingest({ digest });
    await first.write(bytes.subarray(0, 1_100_000));
    await first[Symbol.asyncDispose]();
    await using second = await requireIngest(waiting);
    assert.equal(second.offset, 1_100_000);
  });

  it('waiting for another writer can be stopped', async (content) => {
    const digest = digestOf('x');
    await using _first = await requireIngest(content.ingest({ digest }));
    const abort = new AbortController();
    const waiting = content.ingest({ digest }, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(waiting, /enough|abort/);
  });

  it('readers follow a blob while it comes, and read it still when it is there', async (content) => {
    const bytes = randomBytes(3_000_000);
    await using ingest = await requireIngest(content.ingest({ digest: digestOf(bytes) }));
    const along = readAll(ingest.file.read(), { limit: bytes.length, what: 'it' });
    for (let at = 0; at < bytes.length; at += 100_000) await ingest.write(bytes.subarray(at, at + 100_000));
    await ingest.commit();
    assert.ok((await along).equals(bytes));
    assert.ok((await readAll(ingest.file.read(), { limit: bytes.length, what: 'it' })).equals(bytes));
  });

  it('readers of what is given up are told', async (content) => {
    const ingest = await requireIngest(content.ingest({ digest: digestOf('y') }));
    const along = assert.rejects(readAll(ingest.file.read(), { limit: 10, what: 'it' }), code('Unavailable'));
    await ingest[Symbol.asyncDispose]();
    await along;
  });

  it('a touched blob has the time of its touch', async (content) => {
    const digest = await content.put(Buffer.from('z'));
    const before = Date.now();
    assert.equal(await content.touch(digest), true);
    for await (const blob of content.list()) assert.ok(blob.modified.getTime() >= before);
  });

  it('all blobs are listed, and nothing else', async (content) => {
    const digests = await Promise.all([1, 2, 3].map((n) => content.put(Buffer.of(n))));
    const bytes = randomBytes(5);
    digests.push(await fill(await content.ingest({ digest: digestOf(bytes, 'sha512') }), bytes));
    await using _unfinished = await requireIngest(content.ingest({ digest: digestOf('w') }));
    await writeFile(`${content.path(digests[0] as Digest)}.tmp-1`, '');
    const listed: Digest[] = [];
    for await (const { digest } of content.list()) listed.push(digest);
    assert.deepEqual(listed.sort(), digests.sort());
  });
}

async function requireIngest(opening: Promise<Ingest | ExistingBlob>): Promise<Ingest> {
  const opened = await opening;
  if ('exists' in opened) throw new EngineError('AlreadyExists', `${opened.digest} is there already`);
  return opened;
}

async function fill(opened: Ingest | ExistingBlob, bytes: Uint8Array): Promise<Digest> {
  if ('exists' in opened) return opened.digest;
  await using ingest = opened;
  await ingest.write(bytes);
  return (await ingest.commit()).digest;
}

function code(expected: Parameters<typeof hasCode>[1]): (error: unknown) => boolean {
  return (error) => hasCode(error, expected);
}
