// What a sidecar's Envoy is told beside its configuration. A connection between sidecars is shared by every caller of an application:
// Envoy's guard against rapid resets would end it, with everybody's calls, because one of them has short deadlines.
export const runtime = {
  layers: [
    {
      name: 'cellwall',
      // Never reached: by default half of 500 streams that were reset within a second close the connection.
      static_layer: { 'overload.premature_reset_total_stream_count': 4_294_967_295 },
    },
  ],
} as const;
