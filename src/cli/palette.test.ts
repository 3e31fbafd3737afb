import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paletteOf } from './palette.ts';
import { fakeIo } from './testing.ts';

const isColored = (terminal: boolean, env: Record<string, string>): boolean =>
  paletteOf(fakeIo({ terminal, env })).red('x') !== 'x';

test('colours are for terminals, unless the environment says otherwise', () => {
  assert.ok(isColored(true, {}));
  assert.ok(!isColored(false, {}));
  assert.ok(!isColored(true, { NO_COLOR: '1' }));
  assert.ok(isColored(true, { NO_COLOR: '' }));
  assert.ok(!isColored(true, { CLICOLOR: '0' }));
  assert.ok(!isColored(true, { TERM: 'dumb' }));
  assert.ok(isColored(false, { CLICOLOR_FORCE: '1' }));
  assert.equal(paletteOf(fakeIo({ terminal: true })).bold('x'), '\x1b[1mx\x1b[22m');
});
