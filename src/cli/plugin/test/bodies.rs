//! Bodies of an exchange that is played: whole, in pieces, and instead of each other.

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap};

use super::play::{Stop, Turn};
use super::world::World;
use crate::config::cases::Outcome;
use crate::plugin::{ChunkOutcome, Direction, LocalResponse, scene};
use crate::proxy;

/// The largest piece that a plugin is given.
const PIECE: usize = 64 << 10;

/// Fields that speak of a body and are wrong for another one.
const OF_BODY: [&str; 4] = ["content-digest", "content-md5", "digest", "repr-digest"];

/// Those of a response, too.
const OF_RESPONSE_BODY: [&str; 3] = ["accept-ranges", "etag", "last-modified"];

impl Turn<'_> {
    /// A body streams by.
    pub(super) async fn pieces(&mut self, direction: Direction) -> Result<(), Stop> {
        let World { bound, instances, .. } = self.world;
        let opened = instances.open_body(bound, &mut self.scene, direction).await;
        let Some(Some(mut stream)) = self.judged(opened)? else {
            return Ok(());
        };
        self.headers(|headers| {
            headers.remove(header::CONTENT_LENGTH);
        });
        let whole: Vec<Bytes> = std::mem::take(&mut self.body);
        let pieces: Vec<Bytes> = whole
            .iter()
            .flat_map(|piece| piece.chunks(PIECE))
            .map(Bytes::copy_from_slice)
            .collect();
        let last = pieces.len().saturating_sub(1);
        let mut untouched = true;
        for (index, piece) in pieces.iter().enumerate() {
            let said = stream.chunk(&mut None, piece.clone(), index == last).await;
            untouched &= matches!(said, Ok(ChunkOutcome::Forward) | Err(_));
            match said {
                Ok(ChunkOutcome::Forward) => self.body.push(piece.clone()),
                Ok(ChunkOutcome::Replace(other)) => self.body.push(other),
                Ok(ChunkOutcome::Hold) => {}
                Ok(ChunkOutcome::Abort) => {
                    self.outcome = Outcome::Abort;
                    let plugin = bound.plugin().name.clone();
                    return Err(self.broken(direction, self.answer(&proxy::Error::Aborted { plugin })));
                }
                Err(cause) => match self.judged::<()>(Err(cause)) {
                    // Without the plugin the rest is the rest, if nothing of it was changed.
                    Ok(_) if untouched => self.body.extend_from_slice(&pieces[index..]),
                    Ok(_) => {
                        self.outcome = Outcome::Fail;
                        return Err(Stop::Broken);
                    }
                    Err(stop) => return Err(self.broken(direction, stop)),
                },
            }
            if self.error.is_some() {
                break;
            }
        }
        self.body.retain(|piece| !piece.is_empty());
        Ok(())
    }

    /// A client that sends can be answered; one that receives can only be left.
    fn broken(&self, direction: Direction, answer: Stop) -> Stop {
        match direction {
            Direction::Request => answer,
            Direction::Response => Stop::Broken,
        }
    }

    pub(super) fn whole(&self, most: u64, error: &proxy::Error) -> Result<Bytes, Stop> {
        let whole: Bytes = self.body.concat().into();
        if whole.len() as u64 > most {
            return Err(self.answer(error));
        }
        Ok(whole)
    }

    /// Puts a whole body where the hook sees it, or takes it away; what the fields are now.
    pub(super) fn show(&mut self, body: Option<Bytes>) -> HeaderMap {
        let Some(scene) = &mut self.scene else {
            return HeaderMap::new();
        };
        scene.body = body;
        match &scene.response {
            Some(response) => response.headers.clone(),
            None => scene.head.headers.clone(),
        }
    }

    /// Fields of the old body go, but those that the hook has set.
    pub(super) fn replace_body(&mut self, body: Bytes, before: &HeaderMap) {
        let length = body.len();
        let response = self.scene.as_ref().is_some_and(|scene| scene.response.is_some());
        let more = OF_RESPONSE_BODY.into_iter().filter(|_| response);
        self.headers(|headers| {
            for name in OF_BODY.into_iter().chain(more) {
                if headers.get(name) == before.get(name) {
                    headers.remove(name);
                }
            }
            headers.insert(header::CONTENT_LENGTH, length.into());
        });
        self.body = vec![body];
        self.body.retain(|body| !body.is_empty());
    }

    fn headers(&mut self, edit: impl FnOnce(&mut HeaderMap)) {
        if let Some(scene) = &mut self.scene {
            match &mut scene.response {
                Some(response) => edit(&mut response.headers),
                None => edit(&mut scene.head.headers),
            }
        }
    }

    /// This is the response now.
    pub(super) fn put(&mut self, response: LocalResponse) {
        let LocalResponse {
            status,
            mut headers,
            body,
        } = response;
        if !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        if let Some(scene) = &mut self.scene {
            scene.response = Some(scene::Response {
                status,
                headers,
                endpoint: None,
            });
        }
        self.body = if body.is_empty() { Vec::new() } else { vec![body] };
    }
}
