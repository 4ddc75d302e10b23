// A service, with the name of one of its ports where that has one: `cell/name`, `cell/name:rest`.

export function portText({ service, port }: { readonly service: string; readonly port?: string | undefined }): string {
  return port === undefined ? service : `${service}:${port}`;
}
