import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { makeRunFolder, removeAbandoned } from './run-folder.ts';
import { cannotRun } from './testing.ts';

describe('run folders', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'overstrata-run-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const make = (name: string, files: Readonly<Record<string, string>>): void => {
    mkdirSync(join(folder, name), { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name, path)), { recursive: true });
      writeFileSync(join(folder, name, path), text);
    }
  };

  test('go when their state folder is gone, unless a container of it still runs', () => {
    make('alive', { root: folder, 'crun/abc/status': '{"pid":1}' });
    make('gone', { root: join(folder, 'none'), 'crun/abc/status': '{"pid":4194305}', 's/x': '' });
    make('runs', { root: join(folder, 'none'), 'crun/abc/status': `{"pid":${process.pid}}` });
    make('runs-too', { root: join(folder, 'none'), 'runc/abc/state.json': `{"init_process_pid":${process.pid}}` });
    make('damaged', { root: join(folder, 'none'), 'crun/abc/status': '{' });
    removeAbandoned(folder);
    assert.deepEqual(readdirSync(folder).sort(), ['alive', 'damaged', 'runs', 'runs-too']);
  });

  test('of nobody known go when they are old and empty', () => {
    const old = new Date(Date.now() - 7_200_000);
    for (const [name, files] of [
      ['young', {}],
      ['old', {}],
      ['used', { 'crun/abc/status': '{}' }],
    ] as const) {
      make(name, files);
      mkdirSync(join(folder, name, 'crun'), { recursive: true });
      if (name !== 'young') utimesSync(join(folder, name), old, old);
    }
    removeAbandoned(folder);
    assert.deepEqual(readdirSync(folder).sort(), ['used', 'young']);
    assert.ok(existsSync(join(folder, 'used/crun/abc/status')));
  });

  test('are made with the name of their state folder', { skip: cannotRun() }, () => {
    const made = makeRunFolder(folder);
    try {
      assert.deepEqual(readdirSync(made), ['root']);
      assert.equal(makeRunFolder(folder), made);
    } finally {
      rmSync(made, { recursive: true });
    }
  });
});
