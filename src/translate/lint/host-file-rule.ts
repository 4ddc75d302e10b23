// Files on the proxy's host that a raw resource names, to be read or written: some contain keys, and what Envoy writes to one may be
// anything that a caller sent. A file server would answer with the node key; an access log is appended to any file that the helper's user
// may write.
import { isMessage } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { DataSourceSchema, WatchedDirectorySchema } from '#gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { envoyRegistry } from '../raw/envoy-registry.ts';
import type { Rule } from './rule.ts';

/** Fields that are file names, by the types that have them. `test/adversary/store/host-files.test.ts` knows all others. */
export const fileFields: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    'config.core.v3.GrpcService.GoogleGrpc.CallCredentials.StsService': ['subject_token_path', 'actor_token_path'],
    'config.core.v3.HealthCheck': ['event_log_path'],
    'config.filter.network.mysql_proxy.v1alpha1.MySQLProxy': ['access_log'],
    'config.filter.network.zookeeper_proxy.v1alpha1.ZooKeeperProxy': ['access_log'],
    'config.tap.v3.FilePerTapSink': ['path_prefix'],
    'config.trace.v3.LightstepConfig': ['access_token_file'],
    'extensions.access_loggers.file.v3.FileAccessLog': ['path'],
    'extensions.filters.http.file_server.v3.FileServerConfig.PathMapping': ['file_path_prefix'],
    'extensions.filters.http.grpc_json_reverse_transcoder.v3.GrpcJsonReverseTranscoder': ['descriptor_path'],
    'extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder': ['proto_descriptor'],
    'extensions.filters.network.mongo_proxy.v3.MongoProxy': ['access_log'],
    'extensions.filters.network.zookeeper_proxy.v3.ZooKeeperProxy': ['access_log'],
    'extensions.grpc_service.call_credentials.sts_service.v3.StsServiceCredentials': [
      'subject_token_path',
      'actor_token_path',
    ],
    'extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink': ['event_log_path'],
    'extensions.http.cache.file_system_http_cache.v3.FileSystemHttpCacheConfig': ['cache_path'],
    'extensions.http.cache_v2.file_system_http_cache.v3.FileSystemHttpCacheV2Config': ['cache_path'],
    'extensions.key_value.file_based.v3.FileBasedKeyValueStoreConfig': ['filename'],
    'extensions.transport_sockets.tls.v3.TlsKeyLog': ['path'],
  }).map(([type, fields]) => [`envoy.${type}`, fields]),
);

/** Not real files. Logs to a stream use no file: raw/printed-log.ts. */
const nobodys = '/dev/null';

/** Also a socket that a cluster points to: Envoy's admin interface is one, and so are those of other programs on the host. */
const hostFiles: Rule = (message, [root]) => {
  if (isMessage(message, DataSourceSchema)) {
    const { case: specifier } = message.specifier;
    return specifier === 'filename' || specifier === 'environmentVariable' ? [read] : [];
  }
  if (isMessage(message, WatchedDirectorySchema)) return [read];
  if (message.$typeName === 'envoy.config.core.v3.Pipe') {
    return root !== undefined && isMessage(root, ListenerSchema)
      ? []
      : [['raw-host-data', "nothing leads to a socket of the proxy's host: use an address on loopback"]];
  }
  const names = fileFields.get(message.$typeName);
  const schema = names && envoyRegistry().getMessage(message.$typeName);
  if (schema === undefined) return [];
  const reflected = reflect(schema, message);
  return reflected.fields
    .filter((field) => names?.includes(field.name) === true && reflected.isSet(field))
    .filter((field) => reflected.get(field) !== nobodys)
    .map((field) => ['raw-host-data', `no file of the proxy's host is read or written: ${field.name} names one`]);
};

const read: readonly [string, string] = [
  'raw-host-data',
  "nothing is read of the proxy's host: write the data out (inline_string, inline_bytes)",
];

export const hostFileRules: readonly Rule[] = [hostFiles];
