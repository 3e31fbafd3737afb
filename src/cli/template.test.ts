import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { EngineError } from '../std/index.ts';
import { executeTemplate, parseTemplate } from './template.ts';

const data = {
  Name: 'default',
  Metadata: {},
  Endpoints: { docker: { Host: 'unix:///nowhere.sock', SkipTLSVerify: false } },
  TLSMaterial: {},
};
const run = (source: string, value: unknown = data): string => executeTemplate(parseTemplate(source), value);
const failure = (source: string, value: unknown = data): string => {
  try {
    run(source, value);
  } catch (error) {
    assert.ok(error instanceof EngineError && error.code === 'InvalidArgument');
    return error.message;
  }
  return 'no error';
};

const docker = (() => {
  try {
    return execFileSync('docker', ['--version'], { encoding: 'utf8' }).startsWith('Docker version');
  } catch {
    return false;
  }
})();
const skip = docker ? false : 'docker is not installed';

/** What docker makes of a template over the same data: its output, or its error. */
function dockerSays(source: string): string {
  const { stdout, stderr, status } = spawnSync('docker', ['context', 'inspect', '--format', source, 'default'], {
    encoding: 'utf8',
    env: { ...process.env, DOCKER_HOST: 'unix:///nowhere.sock' },
  });
  return status === 0 ? stdout.replace(/\n$/, '') : stderr.trim();
}

test('templates print what docker prints', { skip }, () => {
  const templates = [
    '{{.Name}} {{ .Endpoints.docker.Host }}',
    '{{.Name | upper}} {{lower "ABC"}} {{title "abc def"}}',
    '{{json .Endpoints}} {{json "<a>&"}} {{json .Name}}',
    '{{index .Endpoints "x"}}{{len .Name}} {{len .Endpoints}} {{len "é"}}',
    '{{slice .Name 1 3}} {{slice .Name 4}} {{slice (split "a b c" " ") 1}}',
    '{{range $k, $v := .Endpoints}}{{$k}}={{$v.Host}};{{else}}none{{end}}',
    '{{range .TLSMaterial}}a{{else}}none{{end}}',
    '{{range $i, $e := split "a b" " "}}{{$i}}:{{$e}} {{if eq $i 0}}first{{else if eq $e "b"}}second{{else}}x{{end}}{{end}}',
    '{{range split "a b c d" " "}}{{if eq . "b"}}{{continue}}{{end}}{{if eq . "d"}}{{break}}{{end}}{{.}}{{end}}',
    '{{range $i := 3}}{{$i}}{{end}}',
    '{{printf "%q %5s %-5s| %d %v %x %T %t %05d %.2f" .Name "a" "b" 12 .Name "hi" .Name true 42 3.14159}}',
    '{{printf "%d" "a"}} {{printf "%s"}} {{printf "x" 1}} {{printf "%6.2f|%+d|%x|%X|%o|%b|%c|%U" 3.14159 5 255 255 8 5 65 65}}',
    '{{printf "%e %g %%" 1234.5678 0.5}} {{printf "%.3s|%10.2s|" "abcdef" "xyz"}}',
    '{{print 1 2 "a" "b" 3 4}}{{println .Name 1 "x" 2}}',
    '{{truncate .Name 3}}|{{pad .Name 1 2}}|{{pad "" 1 2}}|{{truncate "ab" 5}}',
    '{{join (split "a,b,c" ",") "-"}} {{split "a,b,c" ","}}',
    '{{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt "b" "a"}} {{ge 1 2}} {{eq 1 2 1}}',
    '{{and 1 0 2}} {{or 0 "" "x"}} {{not 0}} {{and true false}} {{or false false}}',
    '{{with $x := .Name}}{{$x}}{{end}}{{with .TLSMaterial}}a{{else}}b{{end}}{{with .Endpoints}}{{.docker.Host}} {{$.Name}}{{end}}',
    'a {{- "x" -}}  b {{/* comment */}} c {{- /* trimmed */ -}} d',
    '{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}{{if true}}{{$x := 3}}{{end}}{{$x}}',
    '{{"a\\tb\\u00e9\\x41\\101"}}{{`raw\\n`}} {{1.5}} {{0x1F}} {{1e3}} {{\'a\'}} {{-5}} {{1_000}} {{true}}',
    '{{html "<a href=\'x\'>"}} {{urlquery "a b&c/d"}}',
    '{{(index .Endpoints "docker").Host}} {{.Endpoints.docker.SkipTLSVerify}}',
    '{{if and (eq .Name "default") (not .TLSMaterial)}}yes{{end}}',
    '{{.Name | printf "%s-%s" "a" | upper}}',
    '{{if .Endpoints.docker.SkipTLSVerify}}a{{else}}b{{end}}{{if not .Endpoints}}c{{end}}',
    '{{ $e := .Endpoints }}{{ $e.docker.Host }}',
  ];
  for (const template of templates) assert.equal(run(template), dockerSays(template), template);
});

test('templates fail as docker fails', { skip }, () => {
  const templates = [
    '{{foo .}}',
    '{{.Name',
    '{{if}}x{{end}}',
    '{{end}}',
    '{{$y}}',
    '{{break}}',
    '{{.Name.Foo}}',
    '{{slice .Name 1 30}}',
    '{{eq 1 "a"}}',
    '{{len 3}}',
    '{{nil}}',
    '{{index (split "a b" " ") 5}}',
    '{{upper 3}}',
    '{{upper}}',
    '{{range .Name}}{{end}}',
    'line\n {{.Name.Foo}}',
    '{{if true}}x',
    '{{else}}',
    '{{"abc}}',
    '{{.Name | 3}}',
    '{{(.Name}}',
    '{{/* x }}',
  ];
  for (const template of templates) {
    assert.equal(failure(template), dockerSays(template).split('\n').at(-1), template);
  }
});

test('a field that is not there is an error with its place, in objects as in rows', () => {
  assert.equal(
    failure('{{.Foo}}'),
    'template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"',
  );
  const config = { Config: { Image: 'x', Cmd: null, Labels: { a: 'b' } } };
  assert.match(
    failure('{{.Config.Foo}}', config),
    /:1:9: executing "" at <\.Config\.Foo>: map has no entry for key "Foo"/,
  );
  assert.throws(
    () => executeTemplate(parseTemplate('{{.Foo}}'), { ID: 'a', Tag: 'b' }, { typeName: 'image' }),
    /executing "" at <\.Foo>: can't evaluate field Foo in type image; it has ID, Tag$/,
  );
});

test('labels may lack a key, and may be missing altogether', () => {
  const value = { Some: { Labels: { a: 'b' } }, None: { Labels: null } };
  assert.equal(run('{{.Some.Labels.a}} {{.Some.Labels.x}} {{.None.Labels.x}}', value), 'b <no value> <no value>');
  assert.equal(run('[{{index .Some.Labels "x"}}] [{{index .None.Labels "x"}}]', value), '[] []');
  assert.equal(
    run('{{range .None.Labels}}x{{else}}none{{end}} {{len .None.Labels}} {{json .None.Labels}}', value),
    'none 0 null',
  );
});

test('objects and lists print as Go prints maps and slices', () => {
  assert.equal(run('{{.}}', { b: [1, 'x', null], a: { c: true } }), 'map[a:map[c:true] b:[1 x <nil>]]');
  assert.equal(
    run(
      '{{.x}} {{json .}}',
      new Map<string, unknown>([
        ['x', 1],
        ['a', 2],
      ]),
    ),
    '1 {"a":2,"x":1}',
  );
});

test('prototypes are no fields', () => {
  assert.match(failure('{{.constructor}}'), /no entry for key "constructor"/);
  assert.match(failure('{{.__proto__}}'), /no entry for key "__proto__"/);
  assert.equal(run('{{index . "toString"}}|', { a: 'b' }), '|');
});

test('widths are bounded', () => {
  assert.ok(run('{{printf "%999999999d" 1}}{{pad "x" 999999999 1}}').length < 10_000);
});

test('any text is read or refused with a message, never anything else', () => {
  const piece = fc.constantFrom(
    '{{',
    '}}',
    '.Name',
    '$x',
    ':=',
    ' ',
    '|',
    '(',
    ')',
    '"a"',
    'if',
    'range',
    'end',
    'else',
    'with',
    'json',
    '-',
    '/*',
    '*/',
    '1',
    'x',
    '`',
    ',',
    '.',
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      (source) => {
        try {
          run(source);
        } catch (error) {
          assert.ok(error instanceof EngineError, `${source}: ${error}`);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
