import { EngineError } from '../std/index.ts';
import { CgroupReader } from './cgroup.ts';
import type { Container } from './container.ts';
import { requireRunning } from './control.ts';
import { requireProgram } from './host-tools.ts';
import { runCommand } from './namespace-command.ts';

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The processes of a container as the host's ps shows them; `options` are ps's own, `-ef` by default. */
export async function topContainer(container: Container, options: readonly string[] = ['-ef']): Promise<ProcessTable> {
  const pids = new Set(new CgroupReader(requireRunning(container).pid, container.id).processes().map(String));
  const { code, stdout, stderr } = await runCommand([requireProgram('ps', 'procps'), ...options]);
  if (code !== 0) throw new EngineError('InvalidArgument', `ps ${options.join(' ')}: ${stderr.trim()}`);
  const [head = '', ...lines] = stdout.trimEnd().split('\n');
  const titles = head.trim().split(/\s+/);
  const at = titles.indexOf('PID');
  if (at < 0)
    throw new EngineError(
      'InvalidArgument',
      `ps ${options.join(' ')} shows no PID, by which a container's processes are known`,
    );
  const rows = lines.map((line) => splitRow(line, titles.length)).filter((row) => pids.has(row[at] ?? ''));
  return { titles, rows };
}

/** The last column keeps its spaces. */
function splitRow(line: string, columns: number): string[] {
  const parts = line.trim().split(/\s+/);
  return parts.length <= columns ? parts : [...parts.slice(0, columns - 1), parts.slice(columns - 1).join(' ')];
}
