import { type Command, formatDuration, type Instruction } from '../dockerfile/index.ts';
import { mergeEnv } from '../image/index.ts';
import type { ContainerConfig } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { BuildState } from './state.ts';

const DEFAULT_SHELL = ['/bin/sh', '-c'];

/** Instructions that change the config alone. */
export type MetadataInstruction = Exclude<Instruction, { kind: 'FROM' | 'RUN' | 'COPY' | 'ADD' | 'WORKDIR' }>;

export interface MetadataChange {
  readonly config: ContainerConfig;
  /** As docker's history says it. */
  readonly createdBy: string;
  readonly cmdSet?: boolean;
  readonly author?: string;
}

/** What an instruction makes of the config. ARG and ENV are taken into the state's scope, too. */
export function applyMetadata(state: BuildState, instruction: MetadataInstruction): MetadataChange {
  const { config, scope } = state;
  const text = (word: string): string => scope.expand(word).text;
  switch (instruction.kind) {
    case 'ARG': {
      const { values } = scope.declare(instruction);
      const said = values.map(([name, value]) => (value === undefined ? name : `${name}=${value}`));
      return { config, createdBy: `ARG ${said.join(' ')}` };
    }
    case 'ENV': {
      // All of one ENV see what was before it.
      const pairs = instruction.assignments.map(({ name, value }) => [text(name), text(value)] as const);
      for (const [name, value] of pairs) scope.setEnv(name, value);
      return {
        config: { ...config, Env: mergeEnv(config.Env ?? [], pairs) },
        createdBy: `ENV ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`,
      };
    }
    case 'LABEL': {
      const pairs = instruction.assignments.map(({ name, value }) => [text(name), text(value)] as const);
      return {
        config: { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs) } },
        createdBy: `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`,
      };
    }
    case 'CMD': {
      const args = commandArgs(instruction.command, config);
      return { config: { ...config, Cmd: args }, createdBy: `CMD ${quotedList(args)}`, cmdSet: true };
    }
    case 'ENTRYPOINT': {
      const args = commandArgs(instruction.command, config);
      const { Cmd: _, ...rest } = config;
      return {
        config: { ...(state.cmdSet ? config : rest), Entrypoint: args },
        createdBy: `ENTRYPOINT ${quotedList(args)}`,
      };
    }
    case 'SHELL':
      return { config: { ...config, Shell: instruction.shell }, createdBy: `SHELL [${instruction.shell.join(' ')}]` };
    case 'EXPOSE': {
      const ports = instruction.values.flatMap((value) => scope.expand(value).words).flatMap(portsOf);
      return {
        config: {
          ...config,
          ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) },
        },
        createdBy: `EXPOSE [${ports.join(' ')}]`,
      };
    }
    case 'VOLUME': {
      const paths = instruction.values.map(text);
      if (paths.includes('')) throw new EngineError('InvalidArgument', 'VOLUME has an empty path');
      return {
        config: { ...config, Volumes: { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) } },
        createdBy: `VOLUME [${paths.join(' ')}]`,
      };
    }
    case 'USER': {
      const user = text(instruction.value);
      return { config: { ...config, User: user }, createdBy: `USER ${user}` };
    }
    case 'STOPSIGNAL': {
      const signal = text(instruction.value);
      if (!/^(?:\d{1,2}|(?:SIG)?[A-Z0-9+-]+)$/i.test(signal))
        throw new EngineError('InvalidArgument', `${JSON.stringify(signal)} is no signal`);
      return { config: { ...config, StopSignal: signal }, createdBy: `STOPSIGNAL ${signal}` };
    }
    case 'MAINTAINER':
      return { config, createdBy: `MAINTAINER ${instruction.value}`, author: instruction.value };
    case 'HEALTHCHECK':
      return healthcheck(config, instruction);
    case 'ONBUILD':
      return {
        config: { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.expression] },
        createdBy: `ONBUILD ${instruction.expression}`,
      };
  }
}

/** A shell line goes to the shell; an empty exec form is an empty list. */
export function commandArgs(command: Command, config: ContainerConfig): readonly string[] {
  return command.form === 'exec' ? command.args : [...(config.Shell ?? DEFAULT_SHELL), command.text];
}

function healthcheck(
  config: ContainerConfig,
  instruction: Extract<Instruction, { kind: 'HEALTHCHECK' }>,
): MetadataChange {
  const { command, interval, timeout, startPeriod, startInterval, retries } = instruction;
  const test = !command ? ['NONE'] : command.form === 'exec' ? ['CMD', ...command.args] : ['CMD-SHELL', command.text];
  const check = {
    Test: test,
    ...(interval && { Interval: interval }),
    ...(timeout && { Timeout: timeout }),
    ...(startPeriod && { StartPeriod: startPeriod }),
    ...(startInterval && { StartInterval: startInterval }),
    ...(retries && { Retries: retries }),
  };
  const times = [interval, timeout, startPeriod, startInterval].map((time) => `"${formatDuration(time ?? 0)}"`);
  const count = `'\\x${(retries ?? 0).toString(16).padStart(2, '0')}'`;
  return {
    config: { ...config, Healthcheck: check },
    createdBy: `HEALTHCHECK &{${quotedList(test)} ${times.join(' ')} ${count}}`,
  };
}

/** As Go prints a list of strings with `%q`. */
export function quotedList(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(' ')}]`;
}

/** `80`, `80/udp`, `8000-8002/tcp`: what docker's nat package takes, host parts aside. */
function portsOf(text: string): string[] {
  const [, first = '', last = first, protocol = 'tcp'] =
    /^(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  const known = ['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase());
  if (first === '' || to < from || to > 65_535 || !known)
    throw new EngineError('InvalidArgument', `${JSON.stringify(text)} is no port, such as 80, 53/udp or 8000-8010`);
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}
