//! The file of an upload among the arguments of an operation.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;

use super::{File, arguments::Arguments};
use crate::{
    error::{Error, Result},
    media::Upload,
};

impl Arguments {
    pub(super) fn upload(&mut self) -> Result<Upload> {
        let given = match self.take("file") {
            Some(Value::Object(file)) => Some(file),
            Some(Value::String(path)) => {
                self.file = Some(File::Path(path.into()));
                None
            }
            Some(_) => return Err(Error::argument("file", "must be a path or an object")),
            None => None,
        };
        let in_file = |name: &str| given.as_ref().and_then(|file| file.get(name)?.as_str());
        let content = if let Some(text) = in_file("text") {
            Some(File::Bytes(Bytes::copy_from_slice(text.as_bytes())))
        } else if let Some(data) = in_file("base64") {
            let bytes = STANDARD.decode(data);
            Some(File::Bytes(
                bytes
                    .map_err(|_| Error::argument("file", "is not base64"))?
                    .into(),
            ))
        } else {
            in_file("path").map(|path| File::Path(path.into()))
        };
        let name = in_file("filename").unwrap_or_default();
        let mut upload = match content.or_else(|| self.file.take()) {
            Some(File::Path(path)) => Upload::from_path(path)?,
            Some(File::Bytes(bytes)) => Upload::from_bytes(bytes, name)?,
            None => return Err(Error::argument("file", "is missing")),
        };
        if self.rest.contains_key("filename") {
            upload = upload.filename(self.text("filename")?);
        }
        if self.rest.contains_key("media_type") {
            upload = upload.media_type(self.text("media_type")?);
        }
        if self.rest.contains_key("mime_type") {
            upload = upload.mime_type(self.text("mime_type")?);
        }
        if let Some(timeout) = self.seconds("idle_timeout")? {
            upload = upload.idle_timeout(timeout);
        }
        let mut refused = None;
        let upload = upload.message(|message| {
            let object = message.as_object().clone();
            self.along(Value::Object(object)).unwrap_or_else(|error| {
                refused = Some(error);
                message
            })
        });
        refused.map_or(Ok(upload), Err)
    }
}
