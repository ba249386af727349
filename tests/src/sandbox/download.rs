//! Files, served to who may see them. Only pictures are shown; anything else is downloaded and never run.

use poem::http::{StatusCode, header};
use poem::{IntoResponse as _, Response};

use super::reader::{Reader, is_picture};
use crate::slack::{World, files};

/// A file's bytes for a user.
pub(super) fn file(world: &World, user: &str, id: &str) -> Response {
    let reader = Reader { world, user };
    let Some(file) = world.files.get(id).filter(|file| reader.may_open(file)) else {
        let text = "This file isn't there, or isn't shared with you.";
        return text.with_status(StatusCode::NOT_FOUND).into_response();
    };
    let response = Response::builder().header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    if is_picture(file) {
        let (_, kind) = files::file_type(&file.name, &file.bytes);
        return response.content_type(kind).body(file.bytes.clone());
    }
    let name: String = file
        .name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '_' })
        .collect();
    let response = response.header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    response.content_type("application/octet-stream").body(file.bytes.clone())
}
