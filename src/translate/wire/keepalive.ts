// Half-open connections are found out: whose host is gone without a word holds nothing for long.
export const keepalive = { keepaliveTime: 30, keepaliveInterval: 10, keepaliveProbes: 3 } as const;
