//! Server-sent events out of a stream of bytes. Source: WHATWG HTML, section 9.2.6, without `retry`.

/// Largest message taken; a block full of events is some 10 MB.
const MESSAGE_SIZE_MAX: usize = 64 * 1024 * 1024;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its type; empty where none is given.
    pub(crate) event: String,
    /// Its data, lines joined.
    pub(crate) data: String,
}

/// The stream sent more than a message may hold, or bytes that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Collects bytes into messages.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    message: Message,
}

impl Parser {
    /// Takes the next bytes and gives back the messages they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, Malformed> {
        let mut messages = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len().saturating_add(self.message.data.len()) > MESSAGE_SIZE_MAX {
                return Err(Malformed);
            }
            if self.line.last() == Some(&b'\n') {
                let line = std::mem::take(&mut self.line);
                let line = str::from_utf8(&line).map_err(|_| Malformed)?;
                messages.extend(self.take(line.trim_end_matches(['\n', '\r'])));
            }
        }
        Ok(messages)
    }

    /// A field, a comment, or the empty line that ends a message.
    fn take(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let mut message = std::mem::take(&mut self.message);
            // Every data line added its end; the last one does not count.
            return message.data.pop().map(|_| message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.message.event = value.into(),
            "data" => {
                self.message.data.push_str(value);
                self.message.data.push('\n');
            }
            // A comment, or a field that nothing here uses: blocks carry their height.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(event: &str, data: &str) -> Message {
        Message { event: event.into(), data: data.into() }
    }

    #[test]
    fn messages_comments_and_joined_lines() {
        let stream = b":hello\n\nevent: block\nid: 7\ndata: {\"a\":1}\n\ndata: one\r\ndata:two\r\n\r\nevent: x\n\n";
        let messages = Parser::default().push(stream).unwrap();
        assert_eq!(messages, [message("block", "{\"a\":1}"), message("", "one\ntwo")]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(Parser::default().push(b"data: \xff\n\n"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn cuts_between_chunks_change_nothing(cut in 0usize..50, text in "[a-zé\n]{0,20}") {
            let mut stream = String::from("event: block\n");
            for line in text.split('\n') {
                stream.push_str(&format!("data: {line}\n"));
            }
            stream.push('\n');
            let whole = Parser::default().push(stream.as_bytes()).unwrap();
            prop_assert_eq!(&whole, &[message("block", &text)]);
            let (head, tail) = stream.as_bytes().split_at(cut.min(stream.len()));
            let mut parser = Parser::default();
            let mut cut = parser.push(head).unwrap();
            cut.extend(parser.push(tail).unwrap());
            prop_assert_eq!(whole, cut);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Parser::default().push(&bytes);
        }
    }
}
