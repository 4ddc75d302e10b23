// Limits for YAML in one file, and in all files of one request to the admin API.

export const maxYamlMiB = 16;
export const maxYamlBytes = maxYamlMiB * 1024 * 1024;
