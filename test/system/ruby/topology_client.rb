# frozen_string_literal: true

# Calls the Topology Service as GitLab Rails does: its channel, its metadata and its identity come from `cell` of a gitlab.yml, the
# messages from Ruby code that protoc generated. Usage: topology_client.rb GENERATED_FOLDER GITLAB_YML
# Prints one JSON object: what each call answered, or the gRPC status that it ended with.
require 'json'
require 'yaml'
require 'grpc'

$LOAD_PATH.unshift(ARGV.fetch(0))
require 'gitlab/cells/topology_service/classify_service_services_pb'
require 'gitlab/cells/topology_service/claims/v1/claim_service_services_pb'

cell = YAML.load_file(ARGV.fetch(1)).fetch('production').fetch('cell')
settings = cell.fetch('topology_service_client')
raise 'only a plaintext channel to the sidecar is tried here' if settings.fetch('tls').fetch('enabled')

# `metadata` of gitlab.yml: each pair becomes a header of every call.
metadata = settings.fetch('metadata', {}).transform_values(&:to_s)
options = [settings.fetch('address'), :this_channel_is_insecure]
cell_id = cell.fetch('id')

Topology = Gitlab::Cells::TopologyService
Claims = Topology::Claims::V1
classify = Topology::ClassifyService::Stub.new(*options, timeout: 5)
claims = Claims::ClaimService::Stub.new(*options, timeout: 5)

def outcome
  { ok: yield.to_h }
rescue GRPC::BadStatus => e
  { code: e.code, details: e.details }
end

def answer(calls)
  puts JSON.generate(calls)
end

record = Claims::Metadata.new(bucket: Claims::Bucket.new(type: :ROUTES, value: 'group/project'))
lease = nil
begin_update = outcome do
  claims.begin_update(Claims::BeginUpdateRequest.new(create_records: [record], cell_id: cell_id), metadata: metadata)
        .tap { |response| lease = response.lease_uuid }
end

answer(
  classify: outcome { classify.classify(Topology::ClassifyRequest.new(type: :SESSION_PREFIX, value: 'cell-2'), metadata: metadata) },
  cells: outcome { classify.get_cells(Topology::GetCellsRequest.new, metadata: metadata) },
  begin: begin_update,
  commit: outcome { claims.commit_update(Claims::CommitUpdateRequest.new(cell_id: cell_id, lease_uuid: lease), metadata: metadata) },
  foreign: outcome { claims.begin_update(Claims::BeginUpdateRequest.new(create_records: [record], cell_id: cell_id + 1), metadata: metadata) },
  record: outcome { claims.get_record(Claims::GetRecordRequest.new(bucket: record.bucket), metadata: metadata) }
)
