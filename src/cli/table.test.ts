import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth, fitWidth } from './display-width.ts';
import { alignTabs } from './table.ts';

test('cells are ten wide at least and three blanks apart', () => {
  assert.equal(
    alignTabs('REPOSITORY\tTAG\tIMAGE ID\ndebian\t12\ta1b2c3a1b2c3'),
    ['REPOSITORY   TAG       IMAGE ID', 'debian       12        a1b2c3a1b2c3'].join('\n'),
  );
});

test('an empty last column leaves the blanks of the one before it, as docker does', () => {
  assert.equal(alignTabs('A\tB\nlonger than ten\t'), ['A                 B', 'longer than ten   '].join('\n'));
});

test('columns are elastic: a line without a cell ends the run', () => {
  assert.equal(
    alignTabs('aaaaaaaaaaaaaa\tx\nno tab\nb\ty'),
    ['aaaaaaaaaaaaaa   x', 'no tab', 'b         y'].join('\n'),
  );
});

test('wide characters, combining marks and emoji take the columns that terminals give them', () => {
  assert.equal(displayWidth('abc'), 3);
  assert.equal(displayWidth('镜像'), 4);
  assert.equal(displayWidth('ｆｕｌｌ'), 8);
  assert.equal(displayWidth('e\u0301'), 1);
  assert.equal(displayWidth('👩‍👩‍👧'), 2);
  assert.equal(displayWidth('🚀'), 2);
  assert.equal(displayWidth('é'), 1);
  assert.equal(displayWidth('\u200b'), 0);
  assert.equal(alignTabs('镜像名称\tx\nab\ty'), ['镜像名称   x', 'ab         y'].join('\n'));
});

test('text is cut between characters, never within a wide one', () => {
  assert.equal(fitWidth('abcdef', 3), 'abc');
  assert.equal(fitWidth('镜像', 3), '镜');
  assert.equal(fitWidth('镜像', 4), '镜像');
  assert.equal(fitWidth('abc', 0), '');
});
