/** How programs on another machine are told to trust the registry `host` (HOST or HOST:PORT), whose authority's certificate lies at `caPath`. */
export function trustInstructions(host: string, caPath: string): string {
  const name = host.replace(/[^A-Za-z0-9.-]/g, '-');
  return [
    `# strata`,
    `strata registry trust --ca ${caPath} ${host}`,
    `# docker, dockerd`,
    `mkdir -p /etc/docker/certs.d/${host} && cp ${caPath} /etc/docker/certs.d/${host}/ca.crt`,
    `# podman, buildah, skopeo`,
    `mkdir -p /etc/containers/certs.d/${host} && cp ${caPath} /etc/containers/certs.d/${host}/ca.crt`,
    `# everything on a Debian system`,
    `cp ${caPath} /usr/local/share/ca-certificates/overstrata-${name}.crt && update-ca-certificates`,
    `# one request`,
    `curl --cacert ${caPath} https://${host}/v2/`,
  ].join('\n');
}
