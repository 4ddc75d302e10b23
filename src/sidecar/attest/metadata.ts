// What the metadata servers of clouds give to programs on their machines.
import { type BoundedCall, boundedCall } from '../../lib/bounded-call.ts';

type Options = Readonly<Record<string, string>>;

/** https://cloud.google.com/compute/docs/instances/verifying-instance-identity#request_signature */
export async function gcpIdentity(options: Options): Promise<Options> {
  const { audience = '', metadata = 'http://metadata.google.internal' } = options;
  const path = '/computeMetadata/v1/instance/service-accounts/default/identity';
  const query = new URLSearchParams({ audience, format: 'full' });
  return { token: await ask(`${metadata}${path}?${query}`, { headers: { 'metadata-flavor': 'Google' } }) };
}

/** IMDSv2. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
export async function awsDocument({ metadata = 'http://169.254.169.254' }: Options): Promise<Options> {
  const token = await ask(`${metadata}/latest/api/token`, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
  });
  const headers = { 'x-aws-ec2-metadata-token': token };
  const at = `${metadata}/latest/dynamic/instance-identity`;
  const [document, signature] = await Promise.all(
    ['document', 'signature'].map((name) => ask(`${at}/${name}`, { headers })),
  );
  return { document: document ?? '', signature: (signature ?? '').replace(/\s/g, '') };
}

/** They are on the machine itself, or nowhere. */
function ask(url: string, more: Pick<BoundedCall, 'method' | 'headers'>): Promise<string> {
  return boundedCall({ who: 'the metadata server', url, timeoutMs: 3000, ...more });
}
