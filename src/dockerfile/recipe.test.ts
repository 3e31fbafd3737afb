import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand } from './expand.ts';
import { parseDockerfile } from './parse.ts';
import { image } from './recipe.ts';

test('a recipe is a Dockerfile, with what it copies from above it', () => {
  const built = image('golang:1').workdir('/src').copy('.', '.').run('go build -o /app');
  const text = image('scratch')
    .copy('/app', '/app', { from: built, chmod: '755' })
    .copy('/etc/ssl', '/etc/ssl', { from: 'debian:12', link: true })
    .env({ A: 'b c', D: '$e "f"' })
    .entrypoint('/app')
    .toDockerfile();
  assert.equal(
    text,
    [
      'FROM golang:1 AS stage-1',
      'WORKDIR /src',
      'COPY [".","."]',
      'RUN ["/bin/sh","-c","go build -o /app"]',
      '',
      'FROM scratch AS stage-0',
      'COPY --from=stage-1 --chmod=755 ["/app","/app"]',
      'COPY --from=debian:12 --link ["/etc/ssl","/etc/ssl"]',
      'ENV A="b c" D="\\$e \\"f\\""',
      'ENTRYPOINT ["/app"]',
      '',
    ].join('\n'),
  );
});

test('what is given is meant as it is', () => {
  const odd = `a $b "c" 'd' \\e \${f}`;
  const { instructions } = parseDockerfile(
    image('x').env({ V: odd }).copy(odd, odd, { chown: odd }).run(`line\n$two`).workdir(odd).toDockerfile(),
  );
  const text = (source: string): string => expand(source, new Map([['b', 'wrong']])).text;
  const [, env, copy, run, workdir] = instructions;
  assert.ok(env?.kind === 'ENV' && copy?.kind === 'COPY' && run?.kind === 'RUN' && workdir?.kind === 'WORKDIR');
  assert.equal(text(env.assignments[0]?.value ?? ''), odd);
  assert.deepEqual([text(copy.destination), text(copy.chown ?? '')], [odd, odd]);
  assert.deepEqual(run.command, { form: 'exec', args: ['/bin/sh', '-c', 'line\n$two'] });
  assert.equal(text(workdir.value), odd);
  assert.throws(() => image('x').env({ V: 'a\nb' }), /line feed/);
});

test('two recipes go on from one, and it is built once', () => {
  const base = image('debian:12').run('true');
  const text = image(base)
    .copy('/a', '/b', { from: image(base).run('x') })
    .toDockerfile();
  assert.equal(text.match(/^FROM debian/gm)?.length, 1);
  assert.equal(text.match(/^FROM stage-1/gm)?.length, 2);
});
