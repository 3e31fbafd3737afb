import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type Columns, formatObject, formatObjects, formatRows } from './format.ts';

interface Row {
  readonly name: string;
  readonly tag: string;
  readonly size: number;
}
const rows: Row[] = [
  { name: 'debian', tag: '12', size: 5 },
  { name: '<none>', tag: '镜像', size: 7 },
];
const columns: Columns<Row> = {
  Repository: { header: 'REPOSITORY', value: ({ name }) => name },
  Tag: { header: 'TAG', value: ({ tag }) => tag },
  Size: { header: 'SIZE', value: ({ size }) => `${size}B` },
};
const table = ['Repository', 'Tag', 'Size'];

test('without a format a table is printed, its heads too where it is empty', () => {
  const expected = ['REPOSITORY   TAG       SIZE', 'debian       12        5B', '<none>       镜像      7B'].join('\n');
  assert.equal(formatRows(rows, columns, { table }), expected);
  assert.equal(formatRows(rows, columns, { table, format: 'table' }), expected);
  assert.equal(formatRows([], columns, { table }), 'REPOSITORY   TAG       SIZE');
  assert.equal(formatRows([], columns, { table, heads: false }), '');
});

test('quiet prints one field, unless a format says otherwise', () => {
  assert.equal(formatRows(rows, columns, { table, quiet: 'Tag' }), '12\n镜像');
  assert.equal(formatRows(rows, columns, { table, quiet: 'Tag', format: '{{.Size}}' }), '5B\n7B');
});

test('json is an object a line with sorted keys, escaped as Go escapes', () => {
  assert.equal(
    formatRows(rows, columns, { table, format: 'json' }),
    [
      '{"Repository":"debian","Size":"5B","Tag":"12"}',
      '{"Repository":"\\u003cnone\\u003e","Size":"7B","Tag":"镜像"}',
    ].join('\n'),
  );
  assert.equal(formatRows([], columns, { table, format: 'json' }), '');
});

test('a table template has the heads of its fields', () => {
  assert.equal(
    formatRows(rows, columns, { table, format: 'table {{upper .Tag}}\\t{{json .Repository}}' }),
    ['TAG       REPOSITORY', '12        "debian"', '镜像      "<none>"'].join('\n'),
  );
  assert.equal(formatRows(rows, columns, { table, format: '{{.Tag}}\\t{{.Size}}' }), '12\t5B\n镜像\t7B');
});

test('a name with a tab or a line break makes no further cell', () => {
  const odd = [{ name: 'a\tb\nc', tag: 'd', size: 1 }];
  assert.equal(formatRows(odd, columns, { table, heads: false }), 'a b c     d         1B');
});

test('several objects print as inspect prints them', () => {
  assert.equal(formatObjects([{ a: 1 }], undefined), '[\n    {\n        "a": 1\n    }\n]');
  assert.equal(formatObjects([{ a: 1 }, { a: 2 }], 'json'), '[{"a":1},{"a":2}]');
  assert.equal(formatObjects([{ a: 1 }, { a: 2 }], '{{.a}}'), '1\n2');
  assert.equal(formatObject({ a: 1 }, 'json'), '{"a":1}');
});

const docker = (() => {
  try {
    return execFileSync('docker', ['--version'], { encoding: 'utf8' }).startsWith('Docker version');
  } catch {
    return false;
  }
})();

test('tables are those that docker prints', { skip: docker ? false : 'docker is not installed' }, () => {
  const host = 'unix:///nowhere.sock';
  const contexts = [{ name: 'default', description: 'Current DOCKER_HOST based configuration', host }];
  const fields: Columns<(typeof contexts)[number]> = {
    Name: { header: 'NAME', value: ({ name }) => name },
    Description: { header: 'DESCRIPTION', value: ({ description }) => description },
    DockerEndpoint: { header: 'DOCKER ENDPOINT', value: ({ host: endpoint }) => endpoint },
    Error: { header: 'ERROR', value: () => '' },
  };
  const formats = [
    'table {{.Name}}\\t{{.Description}}\\t{{.DockerEndpoint}}\\t{{.Error}}',
    'table {{upper .Name}}\\t{{json .Description}}\\t{{truncate .DockerEndpoint 5}}\\t{{len .Name}}',
    'table{{.Name}}',
    'table {{.Name}}\\t{{if .Error}}{{.Error}}{{else}}fine{{end}}',
    '{{.Name}}\\t{{.Error}}|',
  ];
  for (const format of formats) {
    const { stdout } = spawnSync('docker', ['context', 'ls', '--format', format], {
      encoding: 'utf8',
      env: { ...process.env, DOCKER_HOST: host },
    });
    assert.equal(`${formatRows(contexts, fields, { table: ['Name'], format })}\n`, stdout, format);
  }
});
