// What GitLab's Ruby client sends with its gRPC calls (lib/gitlab/gitaly_client.rb): names with underscores, among others.
export const realMetadata = {
  client_name: 'gitlab-web',
  call_site: 'projects#show',
  user_id: '42',
  remote_ip: '192.0.2.7',
  deadline_type: 'regular',
  'x-gitlab-correlation-id': '01JDEMO0000000000000000000',
} as const;
