//! The images of tickets.

use common::job::Image;
use common::ticket::TicketNumber;
use sqlx::PgConnection;

/// An image of a ticket and how far its sharing got.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TicketImage {
    /// Its place among the ticket's images, from 0.
    pub position: i16,
    /// The submitter's file.
    pub file_id: String,
    /// The file's name.
    pub name: String,
    /// The media type.
    pub mimetype: String,
    /// Bytes.
    pub size: i64,
    /// Where those who may see the submitter's file find it.
    pub permalink: Option<String>,
    /// Our upload, begun but perhaps not completed.
    pub upload_id: Option<String>,
    /// Our upload in the card's thread.
    pub shared_file_id: Option<String>,
    /// Where everybody in the channel finds it.
    pub shared_permalink: Option<String>,
    /// Why it can't be shared.
    pub refused: Option<String>,
}

/// Stores the images of a new ticket, in one statement.
pub async fn insert_images(db: &mut PgConnection, ticket: TicketNumber, images: &[Image]) -> sqlx::Result<()> {
    let column = |of: fn(&Image) -> &str| images.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO ticket_images (ticket, position, file_id, name, mimetype, size, permalink)
         SELECT $1, position - 1, file_id, name, mimetype, size, permalink
         FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
              WITH ORDINALITY AS image (file_id, name, mimetype, size, permalink, position)",
    )
    .bind(ticket.get())
    .bind(column(|image| &image.id))
    .bind(column(|image| &image.name))
    .bind(column(|image| &image.mimetype))
    .bind(images.iter().map(|image| image.size).collect::<Vec<_>>())
    .bind(images.iter().map(|image| image.permalink.as_deref()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// A ticket's images, in order.
pub async fn list_images(db: &mut PgConnection, ticket: TicketNumber) -> sqlx::Result<Vec<TicketImage>> {
    sqlx::query_as(
        "SELECT position, file_id, name, mimetype, size, permalink, upload_id, shared_file_id, shared_permalink, refused
         FROM ticket_images WHERE ticket = $1 ORDER BY position",
    )
    .bind(ticket.get())
    .fetch_all(db)
    .await
}

/// Remembers our upload of an image before it is completed, and what Slack said that it is.
pub async fn mark_uploaded(
    db: &mut PgConnection,
    ticket: TicketNumber,
    position: i16,
    upload_id: &str,
    mimetype: &str,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE ticket_images SET upload_id = $3, mimetype = $4 WHERE ticket = $1 AND position = $2")
        .bind(ticket.get())
        .bind(position)
        .bind(upload_id)
        .bind(mimetype)
        .execute(db)
        .await?;
    Ok(())
}

/// Our upload stands in the card's thread.
pub async fn mark_shared(
    db: &mut PgConnection,
    ticket: TicketNumber,
    position: i16,
    file_id: &str,
    permalink: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE ticket_images SET shared_file_id = $3, shared_permalink = $4, refused = NULL
         WHERE ticket = $1 AND position = $2",
    )
    .bind(ticket.get())
    .bind(position)
    .bind(file_id)
    .bind(permalink)
    .execute(db)
    .await?;
    Ok(())
}

/// The image can't be shared; `reason` is for the operator.
pub async fn mark_refused(
    db: &mut PgConnection,
    ticket: TicketNumber,
    position: i16,
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE ticket_images SET refused = $3 WHERE ticket = $1 AND position = $2")
        .bind(ticket.get())
        .bind(position)
        .bind(reason)
        .execute(db)
        .await?;
    Ok(())
}
