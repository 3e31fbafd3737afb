import { info as engineInfo, type Info } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { formatObject } from '../format.ts';
import { formatSize } from '../humanize.ts';
import { version } from '../version.ts';

const NO_PARSER =
  ' apparmor: the kernel has it, but containers get no profile: apparmor_parser is missing (apt-get install apparmor)';

export const info: Command = command({
  flags: { format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' } },
  async run({ flags, print, engine }) {
    const found = await engineInfo(await engine());
    const { containers, drivers, runtime } = found;
    if (flags.format !== undefined) {
      const shown = {
        ServerVersion: version(),
        DockerRootDir: found.root,
        Driver: found.driver,
        Drivers: drivers,
        Images: found.images,
        Containers: containers.running + containers.paused + containers.stopped,
        ContainersRunning: containers.running,
        ContainersPaused: containers.paused,
        ContainersStopped: containers.stopped,
        DefaultRuntime: 'missing' in runtime ? '' : runtime.name,
        SecurityOptions: securityOptions(found),
        KernelVersion: found.kernel,
        OperatingSystem: found.operatingSystem,
        OSType: process.platform,
        Architecture: found.architecture,
        NCPU: found.cpus,
        MemTotal: found.memory,
        Name: found.hostname,
      };
      print(formatObject(shown, flags.format));
      return;
    }
    print(
      [
        `Containers: ${containers.running + containers.paused + containers.stopped}`,
        ` Running: ${containers.running}`,
        ` Paused: ${containers.paused}`,
        ` Stopped: ${containers.stopped}`,
        `Images: ${found.images}`,
        `Version: ${version()}`,
        `Storage Driver: ${found.driver}`,
        ...drivers.map(
          ({ driver, works, why }) => ` ${driver}: ${works ? 'works here' : (why ?? 'does not work here')}`,
        ),
        `Runtime: ${'missing' in runtime ? runtime.missing : `${runtime.name} (${runtime.path})`}`,
        'Security Options:',
        ...securityOptions(found).map(
          (option) => ` ${option.replace(/^name=/, '').replace(',profile=', '\n  Profile: ')}`,
        ),
        ...(found.apparmor === 'no parser' ? [NO_PARSER] : []),
        `Root Dir: ${found.root}`,
        `Kernel Version: ${found.kernel}`,
        `Operating System: ${found.operatingSystem}`,
        `Architecture: ${found.architecture}`,
        `CPUs: ${found.cpus}`,
        `Total Memory: ${formatSize(found.memory)}`,
        `Name: ${found.hostname}`,
      ].join('\n'),
    );
  },
});

/** In docker's form. */
function securityOptions({ apparmor, selinux }: Info): string[] {
  return [
    ...(apparmor === 'ready' ? ['name=apparmor'] : []),
    'name=seccomp,profile=builtin',
    ...(selinux ? ['name=selinux'] : []),
  ];
}
