// The section of docs/documents.md on how to write the files.
export const writingFiles = `
## Writing the files

\`serve\` reads the directory as a whole whenever something in it changes. Nothing half-written is ever in force: a read during which anything changed is
thrown away, what cannot be accepted leaves the last good state, and what is accepted waits until the files are quiet (the same names, inodes, sizes, times and texts
in a second read, no notice of a change in between, and no process of this host that holds one of the changed files open for writing):

| edit | in force |
|---|---|
| a new \`deny\`, or more rules in one | at once, before the rest of its edit |
| documents that are added | after a quarter of a second; an \`allow\` that is written in place after three |
| a changed document whose file was renamed into place, or that came with a turned link (git-sync, a ConfigMap's \`..data\`) | after a quarter of a second |
| the same of one file alone, new or changed | after a tenth of a second |
| a document that disappears; one that was changed in place | after \`--settle-seconds\` (3) |
| a file that had documents and is empty, one whose end is cut off in place, one that does not parse, a link that leads nowhere | never: the last good state stays, and \`cellwall status\` says why |
| the whole directory gone or empty | never |

All that was written and is not in force yet is one edit: what is renamed into place while another file settles waits with it.

So write the text beside the file, under a name that begins with a dot, and rename it: \`cp deny.yaml mesh.d/.deny.new && mv mesh.d/.deny.new mesh.d/deny.yaml\`. Vim,
\`sed -i\`, \`rsync\` and \`cellwall apply\` do so by themselves: such an edit is in force well under a second later. VS Code, nano, Emacs, \`cp\`, \`git checkout\` and \`>\` write in place or anew, and wait the settle time. Files that belong together change together behind one link, or with \`cellwall apply\`.
A writer that closes a file, pauses for longer than the settle time and writes on cannot be told from one that is done: raise \`--settle-seconds\`, or rename. To take documents away, remove the file or use \`cellwall delete\`, which
does not wait. On a network disk there may be no notices of changes: the directory is looked at every 5 s, and what has changed there waits the settle time, as nobody
tells how it was written. So an edit is in force within 9 s, and half of one never is.
`;
