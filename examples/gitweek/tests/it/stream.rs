//! Streams for `git fast-import`.

/// The commits of a stream, on the branch `main` unless said otherwise.
#[derive(Default)]
pub(crate) struct Stream(Vec<u8>);

/// Who and when, in the form of git's objects: `Ada <ada@example.org> 1700000000 +0100`.
pub(crate) fn person(name: &[u8], time: i64, zone: &str) -> Vec<u8> {
    [name, format!(" <someone@example.org> {time} {zone}").as_bytes()].concat()
}

impl Stream {
    /// A commit by one person on `main`.
    pub(crate) fn commit(self, name: &[u8], time: i64, files: &[(&[u8], &[u8])]) -> Self {
        let who = person(name, time, "+0000");
        self.commit_on("main", &who, &who, b"A commit", files)
    }

    pub(crate) fn commit_on(
        mut self,
        branch: &str,
        author: &[u8],
        committer: &[u8],
        message: &[u8],
        files: &[(&[u8], &[u8])],
    ) -> Self {
        self.line(&[b"commit refs/heads/", branch.as_bytes()]);
        self.line(&[b"author ", author]);
        self.line(&[b"committer ", committer]);
        self.data(message);
        for (path, content) in files {
            self.line(&[b"M 100644 inline ", quoted(path).as_slice()]);
            self.data(content);
        }
        self.line(&[b""]);
        self
    }

    /// Any command of the stream.
    pub(crate) fn raw(mut self, text: &str) -> Self {
        self.0.extend(text.as_bytes());
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn line(&mut self, parts: &[&[u8]]) {
        self.0.extend(parts.concat());
        self.0.push(b'\n');
    }

    fn data(&mut self, content: &[u8]) {
        self.line(&[format!("data {}", content.len()).as_bytes()]);
        self.line(&[content]);
    }
}

/// A path in C's quotes, with octal escapes.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut quoted = b"\"".to_vec();
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'/' | b'_' | b' ' => quoted.push(*byte),
            _ => quoted.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}
