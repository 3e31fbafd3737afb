import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDockerfile, findingsFail } from './check.ts';
import { parseIgnore } from './ignore.ts';
import { parseDockerfile } from './parse.ts';
import { platformArgs } from './scope.ts';

const platform = platformArgs({
  build: { os: 'linux', architecture: 'amd64' },
  target: { os: 'linux', architecture: 'amd64' },
});
const check = (text: string): string[] =>
  checkDockerfile(parseDockerfile(text), { platform, ignore: parseIgnore('secret') }).map(
    ({ rule, message, line }) => `${line} ${rule}: ${message}`,
  );

/** A Dockerfile and what is found in it: the examples of BuildKit's documentation. */
const EXAMPLES: readonly (readonly [string, readonly string[]])[] = [
  ['FROM a AS Builder', ["1 StageNameCasing: Stage name 'Builder' should be lowercase"]],
  ['FROM a as b', ["1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match"]],
  ['FROM a\nRUN b \\\n\n  c', ['4 NoEmptyContinuation: Empty continuation line']],
  [
    'FROM a\ncopy x /y\nRUN z',
    ["2 ConsistentInstructionCasing: Command 'copy' should match the case of the command majority (uppercase)"],
  ],
  [
    'From a',
    ["1 ConsistentInstructionCasing: Command 'From' should match the case of the command majority (uppercase)"],
  ],
  ['FROM a AS b\nFROM c AS b', ['2 DuplicateStageName: Duplicate stage name "b", stage names should be unique']],
  ['FROM a AS scratch', ['1 ReservedStageName: Stage name should not use the same name as reserved stage "scratch"']],
  [
    'FROM a\nCMD b',
    ['2 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals'],
  ],
  ['FROM a\nSHELL ["bash", "-c"]\nCMD b', []],
  ['FROM a\nMAINTAINER b', ['2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label']],
  [
    'ARG VERSION=1\nFROM a:$VERSIO',
    [
      "2 UndefinedArgInFrom: FROM argument 'VERSIO' is not declared (did you mean VERSION?)",
      '2 InvalidDefaultArgInFrom: Default value for ARG a:$VERSIO results in empty or invalid base image name',
    ],
  ],
  [
    'FROM a\nWORKDIR b',
    ['2 WorkdirRelativePath: Relative workdir "b" can have unexpected results if the base image changes'],
  ],
  ['FROM a\nWORKDIR /b\nWORKDIR c', []],
  ['FROM a\nARG foo\nCOPY $fooo .', ["3 UndefinedVar: Usage of undefined variable '$fooo' (did you mean $foo?)"]],
  ['FROM a\nARG foo\nCOPY $foo .\nENV PATH=$PATH:/x', []],
  [
    'FROM a\nCMD ["a"]\nCMD ["b"]',
    [
      '2 MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used',
    ],
  ],
  [
    'FROM a\nENV b c',
    ['2 LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format'],
  ],
  [
    'FROM --platform=$TARGETPLATFORM a',
    [
      '1 RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
    ],
  ],
  [
    'FROM a\nARG AWS_SECRET_KEY PUBLIC_KEY',
    ['2 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "AWS_SECRET_KEY")'],
  ],
  [
    'ARG TAG\nFROM busybox:$TAG',
    [
      "2 UndefinedArgInFrom: FROM argument 'TAG' is not declared",
      '2 InvalidDefaultArgInFrom: Default value for ARG busybox:$TAG results in empty or invalid base image name',
    ],
  ],
  [
    'FROM --platform=linux/arm64 a',
    ['1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/arm64"'],
  ],
  ['FROM --platform=linux/arm64 a AS build_arm64', []],
  ['FROM a\nCOPY secret /x', ['2 CopyIgnoredFile: Attempting to Copy file "secret" that is excluded by .dockerignore']],
  [
    'FROM a\nEXPOSE 80/TCP',
    ["2 ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"],
  ],
  [
    'FROM a\nEXPOSE 127.0.0.1:80:80',
    [
      "2 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
    ],
  ],
];

test("each of BuildKit's checks finds what its documentation shows", () => {
  for (const [text, expected] of EXAMPLES) assert.deepEqual(check(text), expected, text);
});

test('a directive skips checks, asks for experimental ones, and makes findings errors', () => {
  assert.deepEqual(check('# check=skip=maintainerdeprecated\nFROM a\nMAINTAINER b'), []);
  assert.deepEqual(check('# check=skip=all\nFROM a as B\nMAINTAINER b'), []);
  assert.deepEqual(check('FROM a\n# what it is\nARG b'), []);
  assert.deepEqual(check('# check=experimental=all\nFROM a\n# what it is\nARG b\n# c is it\nARG c'), [
    '4 InvalidDefinitionDescription: Comment for ARG should follow the format: `# b <description>`',
  ]);
  assert.ok(findingsFail(parseDockerfile('# check=skip=all;error=true\nFROM a')));
  assert.ok(!findingsFail(parseDockerfile('FROM a')));
});
