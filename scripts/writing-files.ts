// The section of docs/documents.md on how to write the files.
export const writingFiles = `
## Writing the files

\`serve\` reads the whole directory whenever something in it changes. Nothing half-written is ever in force: if anything changed during a read, that read is
discarded; if the result is not valid, the last good state stays; and a valid result waits until the files are quiet (the same names, inodes, sizes, times and texts
in a second read, no change notification in between, and no process of this host that has one of the changed files open for writing):

| edit | in force |
|---|---|
| a new \`deny\`, or more rules in one | at once, before the rest of its edit |
| documents that are added | after a quarter of a second; an \`allow\` that is written in place after three |
| a changed document whose file was renamed into place, or that came with a redirected link (git-sync, a ConfigMap's \`..data\`) | after a quarter of a second |
| the same, if only one file is new or changed | after a tenth of a second |
| a document that disappears; one that was changed in place | after \`--settle-seconds\` (3) |
| a file that had documents and is empty, one whose end is cut off in place, one that does not parse, a dangling link | never: the last good state stays, and \`cellwall status\` says why |
| the whole directory missing or empty | never |

Everything that was written but is not in force yet is one edit: a file renamed into place while another one settles waits with it.

So write the text to a file beside it whose name begins with a dot, and rename that: \`cp deny.yaml mesh.d/.deny.new && mv mesh.d/.deny.new mesh.d/deny.yaml\`. Vim,
\`sed -i\`, \`rsync\` and \`cellwall apply\` do this automatically: such an edit is in force in well under a second. VS Code, nano, Emacs, \`cp\`, \`git checkout\` and \`>\` write in place or create the file anew, and wait for the settle time. To change several files together, put them behind one link, or use \`cellwall apply\`.
A writer that closes a file, pauses for longer than the settle time and then continues cannot be distinguished from one that is done: raise \`--settle-seconds\`, or rename. To remove documents, remove the file or use \`cellwall delete\`, which
does not wait. A network disk may send no change notifications: the directory is checked every 5 s, and what has changed there waits for the settle time, as there is
no telling how it was written. So an edit is in force within 9 s, and half of one never is.
`;
