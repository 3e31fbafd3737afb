import { info as engineInfo } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { formatObject } from '../format.ts';
import { formatSize } from '../humanize.ts';
import { version } from '../version.ts';

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
