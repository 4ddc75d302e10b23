// The messages that may be in an Any: these, and the configurations of the filters in the catalog. Anything else is refused: it could not
// be checked.
import { createRegistry } from '@bufbuild/protobuf';
import { file_envoy_config_rbac_v3_rbac } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { file_envoy_config_route_v3_route_components } from '#gen/envoy/config/route/v3/route_components_pb.js';
import { file_envoy_extensions_access_loggers_file_v3_file } from '#gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { file_envoy_extensions_access_loggers_filters_cel_v3_cel } from '#gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import { file_envoy_extensions_access_loggers_grpc_v3_als } from '#gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { file_envoy_extensions_access_loggers_stream_v3_stream } from '#gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { file_envoy_extensions_common_matching_v3_extension_matcher } from '#gen/envoy/extensions/common/matching/v3/extension_matcher_pb.js';
import { file_envoy_extensions_filters_http_api_key_auth_v3_api_key_auth } from '#gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.js';
import { file_envoy_extensions_filters_http_buffer_v3_buffer } from '#gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js';
import { file_envoy_extensions_filters_http_composite_v3_composite } from '#gen/envoy/extensions/filters/http/composite/v3/composite_pb.js';
import { file_envoy_extensions_filters_http_credential_injector_v3_credential_injector } from '#gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.js';
import { file_envoy_extensions_filters_http_header_mutation_v3_header_mutation } from '#gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata } from '#gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js';
import { file_envoy_extensions_filters_http_health_check_v3_health_check } from '#gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.js';
import { file_envoy_extensions_filters_http_router_v3_router } from '#gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { file_envoy_extensions_filters_http_set_metadata_v3_set_metadata } from '#gen/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.js';
import { file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector } from '#gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector } from '#gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy } from '#gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { file_envoy_extensions_http_early_header_mutation_header_mutation_v3_header_mutation } from '#gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { file_envoy_extensions_http_header_formatters_preserve_case_v3_preserve_case } from '#gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import { file_envoy_extensions_http_injected_credentials_generic_v3_generic } from '#gen/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.js';
import { file_envoy_extensions_matching_common_inputs_ssl_v3_ssl_inputs } from '#gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { file_envoy_extensions_path_match_uri_template_v3_uri_template_match } from '#gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { file_envoy_extensions_rbac_principals_mtls_authenticated_v3_mtls_authenticated } from '#gen/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.js';
import { file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts } from '#gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer } from '#gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_tls } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { file_envoy_extensions_upstreams_http_v3_http_protocol_options } from '#gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { file_envoy_type_matcher_v3_http_inputs } from '#gen/envoy/type/matcher/v3/http_inputs_pb.js';
import { inboundFilters } from '../filters/inbound-filters.ts';

export const extensionRegistry = createRegistry(
  file_envoy_config_rbac_v3_rbac,
  file_envoy_config_route_v3_route_components,
  file_envoy_type_matcher_v3_http_inputs,
  file_envoy_extensions_access_loggers_file_v3_file,
  file_envoy_extensions_access_loggers_filters_cel_v3_cel,
  file_envoy_extensions_access_loggers_grpc_v3_als,
  file_envoy_extensions_access_loggers_stream_v3_stream,
  file_envoy_extensions_common_matching_v3_extension_matcher,
  file_envoy_extensions_filters_http_api_key_auth_v3_api_key_auth,
  file_envoy_extensions_filters_http_composite_v3_composite,
  file_envoy_extensions_filters_http_credential_injector_v3_credential_injector,
  file_envoy_extensions_http_injected_credentials_generic_v3_generic,
  file_envoy_extensions_filters_http_buffer_v3_buffer,
  file_envoy_extensions_filters_http_header_mutation_v3_header_mutation,
  file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata,
  file_envoy_extensions_filters_http_health_check_v3_health_check,
  file_envoy_extensions_filters_http_router_v3_router,
  file_envoy_extensions_filters_http_set_metadata_v3_set_metadata,
  file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector,
  file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector,
  file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager,
  file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy,
  file_envoy_extensions_http_early_header_mutation_header_mutation_v3_header_mutation,
  file_envoy_extensions_http_header_formatters_preserve_case_v3_preserve_case,
  file_envoy_extensions_matching_common_inputs_ssl_v3_ssl_inputs,
  file_envoy_extensions_path_match_uri_template_v3_uri_template_match,
  file_envoy_extensions_rbac_principals_mtls_authenticated_v3_mtls_authenticated,
  file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts,
  file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer,
  file_envoy_extensions_transport_sockets_tls_v3_tls,
  file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config,
  file_envoy_extensions_upstreams_http_v3_http_protocol_options,
  ...inboundFilters.flatMap(({ messages }) => Object.values(messages).map(({ file }) => file)),
);
