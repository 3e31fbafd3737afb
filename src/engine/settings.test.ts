import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { hasCode } from '../std/index.ts';
import { readRegistrySettings } from './settings.ts';

describe('settings about registries', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  after(() => rmSync(folder, { recursive: true }));
  const read = (text: string): ReturnType<typeof readRegistrySettings> => {
    writeFileSync(join(folder, 'config.json'), text);
    return readRegistrySettings({ STRATA_CONFIG: join(folder, 'config.json') });
  };

  test('mirrors stand under their registry', async () => {
    assert.deepEqual(
      await read('{"insecure-registries":["a:5000"],"registry-mirrors":{"ghcr.io":["m.example.com"]}}'),
      {
        insecureRegistries: ['a:5000'],
        mirrors: { 'ghcr.io': ['m.example.com'] },
      },
    );
  });

  test("a plain list of mirrors is docker.io's", async () => {
    assert.deepEqual((await read('{"registry-mirrors":["m.example.com"]}')).mirrors, {
      'docker.io': ['m.example.com'],
    });
  });

  test('no file says nothing', async () => {
    assert.deepEqual(await readRegistrySettings({ STRATA_CONFIG: join(folder, 'none.json') }), {
      insecureRegistries: [],
      mirrors: {},
    });
  });

  test('a file that says something else is refused with its name', async () => {
    for (const text of ['', '[]', '{"insecure-registries":"a"}', '{"registry-mirrors":{"docker.io":"m"}}']) {
      await assert.rejects(
        read(text),
        (error: Error) => hasCode(error, 'InvalidArgument') && error.message.includes('config.json'),
      );
    }
  });
});
