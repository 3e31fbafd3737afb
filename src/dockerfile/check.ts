import { checkFile } from './check-file.ts';
import { EXPERIMENTAL, type Finding, type RuleName } from './check-rules.ts';
import { type CheckInput, checkStages } from './check-stage.ts';
import type { Dockerfile } from './instruction.ts';

export type { Finding } from './check-rules.ts';
export type { CheckInput } from './check-stage.ts';

/** What BuildKit's checks find in a Dockerfile, in the order of its lines, less what its `# check=skip=…` names. */
export function checkDockerfile(dockerfile: Dockerfile, input: CheckInput): Finding[] {
  const { skip, experimental } = checkDirective(dockerfile);
  const wanted = ({ rule }: Finding): boolean =>
    !has(skip, rule) && (!EXPERIMENTAL.has(rule) || has(experimental, rule));
  return [...checkFile(dockerfile), ...checkStages(dockerfile, input)].filter(wanted).sort((a, b) => a.line - b.line);
}

/** Whether `# check=error=true` makes findings fail the build. */
export function findingsFail(dockerfile: Dockerfile): boolean {
  return checkDirective(dockerfile).error;
}

/** `# check=skip=A,B;error=true;experimental=C`; names count without case. */
function checkDirective({ directives }: Dockerfile): {
  skip: ReadonlySet<string>;
  experimental: ReadonlySet<string>;
  error: boolean;
} {
  const text = directives.find(({ name }) => name === 'check')?.value ?? '';
  const options = new Map(
    text.split(';').map((option): [string, string] => {
      const [name = '', value = ''] = option.split('=', 2);
      return [name.trim().toLowerCase(), value.trim().toLowerCase()];
    }),
  );
  const names = (option: string): Set<string> =>
    new Set((options.get(option) ?? '').split(',').map((name) => name.trim()));
  return { skip: names('skip'), experimental: names('experimental'), error: options.get('error') === 'true' };
}

function has(names: ReadonlySet<string>, rule: RuleName): boolean {
  return names.has('all') || names.has(rule.toLowerCase());
}
