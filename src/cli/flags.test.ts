import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Flags, parseFlags } from './flags.ts';
import { UsageError } from './usage-error.ts';

const flags: Flags = {
  rm: { kind: 'boolean', description: '' },
  interactive: { kind: 'boolean', short: 'i', description: '' },
  tty: { kind: 'boolean', short: 't', description: '' },
  sigProxy: { kind: 'boolean', default: true, description: '' },
  env: { kind: 'list', short: 'e', description: '' },
  volume: { kind: 'list', short: 'v', description: '' },
  publish: { kind: 'list', short: 'p', description: '' },
  platform: { kind: 'list', separator: ',', description: '' },
  name: { kind: 'string', description: '' },
  network: { kind: 'string', aliases: ['net'], description: '' },
  pull: { kind: 'string', choices: ['always', 'missing', 'never'], default: 'missing', description: '' },
  cpuShares: { kind: 'number', short: 'c', description: '' },
  cpus: { kind: 'decimal', description: '' },
  memory: { kind: 'bytes', short: 'm', description: '' },
  memorySwap: { kind: 'bytes', unlimited: true, description: '' },
  healthInterval: { kind: 'duration', description: '' },
  sysctl: { kind: 'map', description: '' },
  cascade: { kind: 'optional', whenBare: 'all', description: '' },
  root: { kind: 'string', env: 'STRATA_ROOT', description: '' },
  hosts: { kind: 'list', env: 'HOSTS', description: '' },
};

const parse = (line: string, { interspersed = true, env = {} } = {}): ReturnType<typeof parseFlags> =>
  parseFlags(line === '' ? [] : line.split(' '), flags, { interspersed, env });
const valueAt = (line: string, key: string): unknown => parse(line).values[key];
const message = (line: string): string => {
  try {
    parse(line);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    assert.equal(error.exitCode, 125);
    return error.message;
  }
  return 'no error';
};

test('values stand after a blank or an equals sign', () => {
  assert.equal(valueAt('--name x', 'name'), 'x');
  assert.equal(valueAt('--name=x', 'name'), 'x');
  assert.equal(valueAt('--name=', 'name'), '');
  assert.equal(valueAt('--name=a=b', 'name'), 'a=b');
  assert.equal(valueAt('--name --rm', 'name'), '--rm');
});

test('short flags cluster and take their values in every way', () => {
  assert.deepEqual(valueAt('-p80', 'publish'), ['80']);
  assert.deepEqual(valueAt('-p=80', 'publish'), ['80']);
  assert.deepEqual(valueAt('-p 80', 'publish'), ['80']);
  assert.deepEqual(valueAt('-itp80:80', 'publish'), ['80:80']);
  assert.deepEqual(valueAt('-itp 80:80', 'publish'), ['80:80']);
  const { values } = parse('-it=false -eA=1');
  assert.deepEqual([values['interactive'], values['tty'], values['env']], [true, false, ['A=1']]);
});

test('booleans need no value and take one only behind an equals sign', () => {
  assert.equal(valueAt('--rm', 'rm'), true);
  assert.equal(valueAt('--rm=F', 'rm'), false);
  assert.equal(valueAt('', 'sigProxy'), true);
  assert.equal(valueAt('--sig-proxy=false', 'sigProxy'), false);
  assert.deepEqual(parse('--rm false').args, ['false']);
  assert.equal(message('--rm=maybe'), 'invalid argument "maybe" for "--rm" flag: want true or false');
});

test('lists grow in order, the last of single values wins, lists may split', () => {
  assert.deepEqual(valueAt('-e A --env=B -e A', 'env'), ['A', 'B', 'A']);
  assert.equal(valueAt('--name a --name b', 'name'), 'b');
  assert.deepEqual(valueAt('--platform a,b --platform c', 'platform'), ['a', 'b', 'c']);
  assert.deepEqual(
    [...(valueAt('--sysctl a=1 --sysctl b --sysctl a=2=3', 'sysctl') as Map<string, string>)],
    [
      ['a', '2=3'],
      ['b', ''],
    ],
  );
});

test('numbers, sizes and durations are read and refused with the reason', () => {
  assert.equal(valueAt('-c 0x10', 'cpuShares'), 16);
  assert.equal(valueAt('-c -3', 'cpuShares'), -3);
  assert.equal(valueAt('--cpus 1.5', 'cpus'), 1.5);
  assert.equal(valueAt('-m 512m', 'memory'), 512 * 1024 * 1024);
  assert.equal(valueAt('--memory-swap -1', 'memorySwap'), -1);
  assert.equal(valueAt('--health-interval 1m30s', 'healthInterval'), 90_000);
  assert.equal(message('-c abc'), 'invalid argument "abc" for "-c, --cpu-shares" flag: not a whole number');
  assert.match(message('-m -1'), /^invalid argument "-1" for "-m, --memory" flag: invalid size/);
  assert.equal(
    message('--pull sometimes'),
    'invalid argument "sometimes" for "--pull" flag: must be one of always, missing, never',
  );
});

test('a value that may be left out is never the next word', () => {
  assert.equal(valueAt('--cascade', 'cascade'), 'all');
  assert.equal(valueAt('--cascade=one', 'cascade'), 'one');
  assert.deepEqual(parse('--cascade one').args, ['one']);
});

test('two dashes end the flags, and so does the first argument where they may not follow', () => {
  assert.deepEqual(parse('a --rm b').args, ['a', 'b']);
  assert.deepEqual(parse('a -- --rm -- b').args, ['a', '--rm', '--', 'b']);
  assert.deepEqual(parse('--rm image sh -c --rm', { interspersed: false }).args, ['image', 'sh', '-c', '--rm']);
  assert.deepEqual(parse('-').args, ['-']);
});

test('errors say what docker says', () => {
  assert.equal(message('--foo'), 'unknown flag: --foo');
  assert.equal(message('--foo=1'), 'unknown flag: --foo');
  assert.equal(message('-itx'), "unknown shorthand flag: 'x' in -x");
  assert.equal(message('--env'), 'flag needs an argument: --env');
  assert.equal(message('-ite'), "flag needs an argument: 'e' in -e");
  assert.equal(message('--=x'), 'bad flag syntax: --=x');
  assert.equal(message('---x'), 'bad flag syntax: ---x');
});

test('the nearest flag is suggested', () => {
  assert.throws(
    () => parse('--volme x'),
    (error: UsageError) => error.hint === 'Did you mean --volume?' && error.flag === 'volme',
  );
});

test('aliases, help and its letter are known', () => {
  assert.equal(valueAt('--net host', 'network'), 'host');
  assert.equal(parse('--help').help, true);
  assert.equal(parse('-h').help, true);
});

test('the environment stands in for what is not given, and counts as given', () => {
  const env = { STRATA_ROOT: '/a', HOSTS: 'x' };
  assert.equal(parse('', { env }).values['root'], '/a');
  assert.ok(parse('', { env }).given.has('root'));
  assert.equal(parse('--root /b', { env }).values['root'], '/b');
  assert.deepEqual(parse('--hosts y --hosts z', { env }).values['hosts'], ['y', 'z']);
  assert.equal(parse('', { env: { STRATA_ROOT: '' } }).values['root'], undefined);
});

test('whatever is typed is read or refused, and arguments after two dashes come through untouched', () => {
  const words = fc.array(
    fc.oneof(fc.constantFrom('-i', '--rm', '-p', '--env', '--name=x', '-', '-it', '--x'), fc.string()),
  );
  fc.assert(
    fc.property(words, fc.array(fc.string()), (before, after) => {
      try {
        const { args } = parseFlags([...before, 'x', '--', ...after], flags, { interspersed: true, env: {} });
        assert.deepEqual(args.slice(args.length - after.length), after);
      } catch (error) {
        assert.ok(error instanceof UsageError);
      }
    }),
  );
});

const docker = (() => {
  try {
    return execFileSync('docker', ['--version'], { encoding: 'utf8' }).startsWith('Docker version');
  } catch {
    return false;
  }
})();

test('the docker command refuses the same lines with the same first words', {
  skip: docker ? false : 'docker is not installed',
}, () => {
  const lines = ['--foo', '-itX', '--env', '-e', '--rm=maybe', '-c abc', '--=x', '--cpu-shares='];
  for (const line of lines) {
    const { stderr, status } = spawnSync('docker', ['run', ...line.split(' ')], {
      encoding: 'utf8',
      env: { ...process.env, DOCKER_HOST: 'unix:///nowhere.sock' },
    });
    assert.equal(status, 125, line);
    const first = stderr.split('\n')[0] as string;
    const withoutReason = (text: string): string => text.replace(/(?<=" flag: ).*/, '');
    assert.equal(withoutReason(message(line)), withoutReason(first), line);
  }
});
