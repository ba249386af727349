//! Forms that a browser posts: fields in order, and files.

use poem::http::header;
use poem::web::Multipart;
use poem::{Body, FromRequest as _, Request, RequestBody};

use crate::slack::entries::Upload;

/// Most bytes of a form, its files included.
const BYTES: usize = 64 * 1024 * 1024;

/// A posted form.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
    files: Vec<(String, Upload)>,
}

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// It is too large or no form.
    pub(super) async fn read(request: &Request, body: Body) -> poem::Result<Self> {
        let bytes = body.into_bytes_limit(BYTES).await?;
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let mut form = Self::default();
        if !kind.starts_with("multipart/form-data") {
            form.fields = serde_urlencoded::from_bytes(&bytes).map_err(poem::error::BadRequest)?;
            return Ok(form);
        }
        let mut parts = Multipart::from_request(request, &mut RequestBody::new(Body::from_bytes(bytes))).await?;
        while let Some(part) = parts.next_field().await? {
            let name = part.name().unwrap_or_default().to_owned();
            match part.file_name().map(str::to_owned) {
                Some(file) if file.is_empty() => {}
                Some(file) => form.files.push((name, Upload { name: file, bytes: part.bytes().await? })),
                None => form.fields.push((name, part.text().await?)),
            }
        }
        Ok(form)
    }

    /// The first value of a field that isn't empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).into_iter().next()
    }

    /// All values of a field that aren't empty.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let fits = self.fields.iter().filter(|(field, value)| field == name && !value.is_empty());
        fits.map(|(_, value)| value.as_str()).collect()
    }

    /// The files of a field.
    pub(super) fn files(&self, name: &str) -> Vec<Upload> {
        self.files.iter().filter(|(field, _)| field == name).map(|(_, file)| file.clone()).collect()
    }
}
