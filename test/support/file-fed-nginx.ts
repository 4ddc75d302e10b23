// A real nginx whose certificate, key and roots are files that `cellwall svid fetch --watch --on-renew deploy/nginx/reload.sh` keeps: it
// asks its callers for certificates of the mesh, and calls a service of the mesh with its own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from '../qualification/support/command.ts';
import { eventually } from './eventually.ts';
import { type FileClient, startFileClient } from './file-client.ts';
import { httpCall } from './http-call.ts';

const reloadScript = fileURLToPath(new URL('../../deploy/nginx/reload.sh', import.meta.url));

export interface FileFedNginx {
  /** Of the process that keeps the files. */
  readonly client: FileClient;
  log(): string;
  stop(): Promise<void>;
}

export interface FileFedNginxOptions {
  /** The identity API, "host:port". */
  readonly identity: string;
  readonly spiffeId: string;
  readonly token: string;
  /** A folder of its own. */
  readonly folder: string;
  /** Where it listens for the mesh, and for callers in plaintext whose requests it passes on. */
  readonly server: number;
  readonly front: number;
  /** The inbound port of a strict service, and a DNS name in its certificate. */
  readonly upstream: number;
  readonly upstreamName: string;
}

export async function startFileFedNginx(options: FileFedNginxOptions): Promise<FileFedNginx> {
  const { identity, spiffeId, token, folder, server, front, upstream, upstreamName } = options;
  mkdirSync(folder, { recursive: true });
  const dir = join(folder, 'svid');
  const conf = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/tmp-${name};`)
    .join(' ');
  writeFileSync(
    conf,
    `daemon off; pid ${folder}/nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off; ${temporary}
  server {
    listen 127.0.0.1:${server} ssl;
    ssl_certificate ${dir}/svid.pem;
    ssl_certificate_key ${dir}/key.pem;
    ssl_client_certificate ${dir}/bundle.pem;
    ssl_protocols TLSv1.3;
    # It ends connections that are idle when it reads its files again: a request may be on its way.
    keepalive_timeout 0;
    ssl_verify_client on;
    ssl_verify_depth 2;
    ssl_session_cache off;
    ssl_session_tickets off;
    location / { return 200 "$ssl_client_verify\\n"; }
  }
  server {
    listen 127.0.0.1:${front};
    location / {
      proxy_pass https://127.0.0.1:${upstream};
      proxy_http_version 1.1;
      proxy_ssl_certificate ${dir}/svid.pem;
      proxy_ssl_certificate_key ${dir}/key.pem;
      proxy_ssl_trusted_certificate ${dir}/bundle.pem;
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 2;
      proxy_ssl_name ${upstreamName};
      proxy_ssl_session_reuse off;
      proxy_ssl_protocols TLSv1.3;
      proxy_next_upstream off;
    }
  }
}
`,
  );
  const onRenew = `${reloadScript} ${folder}/nginx.pid`;
  const client = await startFileClient({ identity, spiffeId, token, dir, onRenew });
  const nginx = start('nginx', ['-c', conf, '-p', folder, '-e', 'stderr'], { cwd: folder });
  const stop = async (): Promise<void> => {
    await client.stop();
    await nginx.stop();
  };
  await eventually('nginx answers', () => httpCall({ port: front }).catch(() => undefined), 20_000).catch(
    async (reason: unknown) => {
      await stop();
      throw new Error(`${String(reason)}: ${nginx.log()}`);
    },
  );
  return { client, log: () => `${nginx.log()}\n${client.log()}`, stop };
}
