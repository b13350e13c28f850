//! Edits of hooks: what they do, when they are refused, and that a hook that fails has changed nothing.

use http::Request;

use super::*;
use crate::config::{self, Source};

type Line = (&'static str, &'static str);

fn route() -> Arc<Route> {
    let source = Source::Text {
        name: "<test>".to_owned(),
        text: "[[route]]\nto = \"app:1\"\n".to_owned(),
    };
    config::load(source).unwrap().config.routes[0].clone()
}

fn scene(target: &str, lines: &[Line]) -> Scene {
    let mut request = Request::builder().uri(target).body(()).unwrap();
    for (name, value) in lines {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let mut scene = Scene {
        id: HeaderValue::from_static("id"),
        route: route(),
        upstream: "app:1".into(),
        client: "192.0.2.1:1234".parse().unwrap(),
        scheme: "http",
        host: HeaderValue::from_static("example.com"),
        canonical: None,
        params: Vec::new(),
        head: request.into_parts().0,
        response: None,
        body: None,
        memory: Memory::default(),
        advance: Advance::default(),
        overlay: Overlay::default(),
    };
    scene.begin(Phase::Request);
    scene
}

fn answered(lines: &[Line]) -> Scene {
    let mut scene = scene("/", &[("x-request", "1")]);
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    scene.response = Some(Response {
        status: StatusCode::OK,
        headers,
        endpoint: None,
    });
    scene.begin(Phase::Response);
    scene
}

fn all(fields: Fields<'_>) -> Vec<(String, String)> {
    let text = |(name, value): (&http::HeaderName, &HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    fields.all().map(text).collect()
}

fn sorted(mut lines: Vec<(String, String)>) -> Vec<(String, String)> {
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}

fn joined(scene: &Scene, name: &str) -> Option<String> {
    scene
        .fields()
        .joined(name)
        .map(|value| String::from_utf8(value).unwrap())
}

const HEAD: [Line; 7] = [
    ("accept", "text/html"),
    ("x-user", "mallory"),
    ("x_user", "mallory"),
    ("x-list", "1"),
    ("cookie", "a=1"),
    ("x-list", "2"),
    ("cookie", "b=2"),
];

/// Edits of a request, by name and value.
enum Edit {
    Set(&'static str, &'static str),
    Append(&'static str, &'static str),
    Remove(&'static str),
}

use Edit::{Append, Remove, Set};

fn carry_out(scene: &mut Scene, side: Side, edits: &[Edit]) {
    for edit in edits {
        let edited = match edit {
            Set(name, value) => scene.set_line(side, name, (*value).into()),
            Append(name, value) => scene.append_line(side, name, (*value).into()),
            Remove(name) => scene.remove_line(side, name),
        };
        assert_eq!(edited, Ok(()));
    }
}

#[test]
fn reads_see_edits_and_committing_makes_them_so() {
    let table: [(&[Edit], &str, Option<&str>); 12] = [
        (&[], "x-list", Some("1, 2")),
        (&[], "Cookie", Some("a=1; b=2")),
        (&[Append("x-list", "3")], "x-list", Some("1, 2, 3")),
        (&[Set("x-list", "3")], "x-list", Some("3")),
        (
            &[Set("x-list", "3"), Append("X-List", "4")],
            "x-list",
            Some("3, 4"),
        ),
        (&[Append("x-list", "3"), Set("x-list", "4")], "x-list", Some("4")),
        (&[Append("x-list", "3"), Remove("x-list")], "x-list", None),
        (&[Remove("x-list"), Append("x-list", "3")], "x-list", Some("3")),
        (&[Remove("X-USER")], "x-user", None),
        (&[Remove("x-user")], "x_user", None),
        (&[Set("x_user", "ours")], "x-user", Some("mallory")),
        (&[Set("x-other", "1")], "x-user", Some("mallory")),
    ];
    for (edits, name, value) in table {
        let mut scene = scene("/", &HEAD);
        carry_out(&mut scene, Side::Request, edits);
        assert_eq!(joined(&scene, name).as_deref(), value);
        let seen = sorted(all(scene.fields()));
        scene.commit();
        scene.begin(Phase::Request);
        assert_eq!(joined(&scene, name).as_deref(), value, "once committed");
        assert_eq!(sorted(all(scene.fields())), seen, "all lines");
    }
}

/// A server that reads `_` or `.` as `-` must not find the client's word for what a plugin says or takes away.
#[test]
fn look_alikes_go_with_what_is_set_or_removed() {
    let aliases = [
        ("x_user_id", "mallory"),
        ("x.user-id", "mallory"),
        ("x_user.id", "mallory"),
        ("x-user_idx", "stays"),
    ];
    for edit in [Set("X-User-Id", "alice"), Remove("x-user-id")] {
        let mut scene = scene("/", &aliases);
        let is_set = matches!(edit, Set(..));
        carry_out(&mut scene, Side::Request, &[edit]);
        let mut expected = vec![("x-user_idx".to_owned(), "stays".to_owned())];
        if is_set {
            expected.insert(0, ("x-user-id".to_owned(), "alice".to_owned()));
        }
        assert_eq!(sorted(all(scene.fields())), expected);
        scene.commit();
        assert_eq!(sorted(all(scene.fields())), expected);
    }
}

/// A hook that traps after any edits leaves no trace, not even another order of lines.
#[test]
fn what_is_discarded_never_was() {
    let before = scene("/a%2e?q=1", &HEAD);
    let mut scene = scene("/a%2e?q=1", &HEAD);
    carry_out(
        &mut scene,
        Side::Request,
        &[
            Remove("accept"),
            Set("x-user", "alice"),
            Append("cookie", "c=3"),
            Set("x-new", "1"),
        ],
    );
    scene.set_method("PATCH").unwrap();
    scene.set_authority("other.example:8080").unwrap();
    scene.set_target("/other?x").unwrap();
    scene.set_private("p", b"state".to_vec()).unwrap();
    scene
        .set_attribute("k", super::super::Attribute::Boolean(true))
        .unwrap();
    scene.discard();
    assert!(scene.overlay.is_clean());
    assert!(
        scene.head.headers.iter().eq(before.head.headers.iter()),
        "order included"
    );
    assert_eq!(
        (&scene.head.method, &scene.head.uri),
        (&before.head.method, &before.head.uri)
    );
    assert_eq!((&scene.host, &scene.canonical), (&before.host, &before.canonical));
    assert_eq!(scene.memory, Memory::default());
    scene.begin(Phase::RequestBody);
    assert!(all(scene.fields()).iter().all(|(name, _)| name != "x-new"));
    scene.commit();
    assert!(
        scene.head.headers.iter().eq(before.head.headers.iter()),
        "the next hook carries out its own"
    );
}

#[test]
fn what_the_gateway_owns_stays_its_own_in_any_spelling() {
    let framing = [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "transfer_encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "keep-alive",
        "proxy-connection",
        "proxy.authorization",
    ];
    let forwarded = [
        "X-Forwarded-For",
        "x_forwarded.for",
        "forwarded",
        "x-forwarded-proto",
        "x-request-id",
    ];
    for name in framing.iter().chain(&forwarded) {
        let mut scene = scene("/", &[]);
        for side in [Side::Request, Side::Response] {
            if side == Side::Response {
                scene = answered(&[]);
            }
            let expected = if side == Side::Response && forwarded.contains(name) {
                Ok(())
            } else {
                Err(EditError::Forbidden)
            };
            assert_eq!(scene.set_line(side, name, b"1".to_vec()), expected, "{name}");
            assert_eq!(scene.append_line(side, name, b"1".to_vec()), expected, "{name}");
            assert_eq!(scene.remove_line(side, name), expected, "{name}");
        }
    }
    // What others say in such fields is theirs.
    let mut scene = scene("/", &[]);
    assert_eq!(
        scene.set_line(Side::Request, "x-forwarded-user", b"alice".to_vec()),
        Ok(())
    );
}

#[test]
fn values_that_could_become_other_lines_are_refused() {
    let mut scene = scene("/", &[]);
    for value in ["a\r\nx: y", "a\nb", "a\0", "\r", "\x7f"] {
        let refused = scene.set_line(Side::Request, "x", value.into());
        assert_eq!(refused, Err(EditError::InvalidSyntax), "{value:?}");
    }
    for name in ["", "a b", "a:b", "é", "a\r\nb", ":path"] {
        let refused = scene.set_line(Side::Request, name, b"v".to_vec());
        assert_eq!(refused, Err(EditError::InvalidSyntax), "{name:?}");
        assert_eq!(joined(&scene, name), None);
    }
    for value in ["", "tab\tand space", "caf\u{e9}"] {
        assert_eq!(scene.set_line(Side::Request, "x", value.into()), Ok(()));
    }
}

#[test]
fn bounds_hold() {
    let mut scene = scene("/", &[]);
    let set = |scene: &mut Scene, length| scene.set_line(Side::Request, "x", vec![b'x'; length]);
    assert_eq!(set(&mut scene, (64 << 10) + 1), Err(EditError::TooLarge));
    assert!((0..16).all(|_| set(&mut scene, 64 << 10).is_ok()));
    assert_eq!(set(&mut scene, 1), Err(EditError::TooLarge), "1 MiB in all");
    scene.discard();
    scene.begin(Phase::Request);
    assert!((0..256).all(|_| set(&mut scene, 1).is_ok()));
    assert_eq!(set(&mut scene, 1), Err(EditError::TooLarge), "256 edits");
    assert_eq!(scene.remove_line(Side::Request, "x"), Err(EditError::TooLarge));
    assert_eq!(scene.set_method("PUT"), Err(EditError::TooLarge));
    scene.commit();
    scene.begin(Phase::Request);
    assert_eq!(set(&mut scene, 1), Ok(()), "the next hook");
}

#[test]
fn a_message_has_so_many_lines_and_no_more() {
    let mut scene = scene("/", &[]);
    for _ in 0..16 {
        scene.begin(Phase::Request);
        for _ in 0..256 {
            scene.append_line(Side::Request, "x", b"1".to_vec()).unwrap();
        }
        scene.commit();
    }
    scene.begin(Phase::Request);
    assert_eq!(
        scene.append_line(Side::Request, "x", b"1".to_vec()),
        Err(EditError::TooLarge)
    );
    assert_eq!(
        scene.remove_line(Side::Request, "x"),
        Ok(()),
        "there is a way back"
    );
}

#[test]
fn each_hook_edits_its_own_message() {
    for phase in [Phase::Between, Phase::Chunk] {
        let mut scene = answered(&[]);
        scene.begin(phase);
        let wrong = Err(EditError::WrongPhase);
        assert_eq!(scene.set_line(Side::Request, "x", vec![]), wrong);
        assert_eq!(scene.set_line(Side::Response, "x", vec![]), wrong);
        assert_eq!((scene.set_target("/"), scene.set_status(200)), (wrong, wrong));
        assert!(scene.reply().is_none());
    }
    let mut scene = answered(&[("x-response", "1")]);
    for phase in [Phase::Response, Phase::ResponseBody] {
        scene.begin(phase);
        assert_eq!(
            scene.set_line(Side::Request, "x", vec![]),
            Err(EditError::WrongPhase)
        );
        assert_eq!(scene.set_method("PUT"), Err(EditError::WrongPhase));
        assert_eq!(scene.set_authority("a"), Err(EditError::WrongPhase));
        carry_out(&mut scene, Side::Response, &[Set("x-request", "2")]);
        assert_eq!(
            joined(&scene, "x-request").unwrap(),
            "1",
            "the request as it was forwarded"
        );
    }
}

/// The request passes plugins that want this of the response.
fn pass(scene: &mut Scene, wishes: &[&[Edit]]) {
    for (place, edits) in wishes.iter().enumerate() {
        scene.begin(Phase::Request);
        carry_out(scene, Side::Response, edits);
        scene.commit();
        scene.advance.keep(place);
    }
}

/// The response comes back to so many plugins.
fn receive(scene: &mut Scene, lines: &[Line], plugins: usize) -> Vec<(String, String)> {
    scene.response = answered(lines).response;
    for place in (0..plugins).rev() {
        scene.amend(place);
    }
    let headers = scene.response.take().unwrap().headers;
    sorted(all(Fields::new(&headers, None, Side::Response)))
}

#[test]
fn headers_of_a_response_are_edited_before_it_comes() {
    let wishes: [&[Edit]; 4] = [
        &[Set("x-set", "first"), Append("x-add", "first")],
        &[],
        &[Set("x-set", "third"), Append("X-Add", "third"), Remove("server")],
        &[Append("x-add", "fourth"), Append("x-add", "again")],
    ];
    let mut scene = scene("/", &[("x-set", "of the request")]);
    pass(&mut scene, &wishes);
    let lines = receive(&mut scene, &[("server", "x"), ("x-add", "own")], wishes.len());
    let expected = [
        ("x-add", "own"),
        ("x-add", "fourth"),
        ("x-add", "again"),
        ("x-add", "third"),
        ("x-add", "first"),
        ("x-set", "first"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(lines, expected);
    assert_eq!(scene.head.headers["x-set"], "of the request");
    assert!(scene.advance.is_empty());
}

#[test]
fn nothing_but_headers_is_edited_early_and_nothing_is_there_to_be_read() {
    for phase in [Phase::Request, Phase::RequestBody] {
        let mut scene = scene("/", &[]);
        scene.begin(phase);
        assert_eq!(scene.set_line(Side::Response, "x", "1".into()), Ok(()));
        assert_eq!(scene.set_status(200), Err(EditError::WrongPhase));
        assert_eq!((scene.status(), scene.reply().is_none()), (None, true));
        assert_eq!(joined(&scene, "x"), None, "that is the request");
        for (name, value, error) in [
            ("content-length", "1", EditError::Forbidden),
            ("a b", "1", EditError::InvalidSyntax),
            ("x", "a\r\nb", EditError::InvalidSyntax),
        ] {
            assert_eq!(scene.set_line(Side::Response, name, value.into()), Err(error));
        }
        let large = vec![b'x'; (64 << 10) + 1];
        assert_eq!(
            scene.set_line(Side::Response, "x", large),
            Err(EditError::TooLarge)
        );
        for _ in 1..256 {
            scene.append_line(Side::Response, "x", "1".into()).unwrap();
        }
        let one_more = scene.append_line(Side::Response, "x", "1".into());
        assert_eq!(one_more, Err(EditError::TooLarge));
    }
}

#[test]
fn who_failed_or_did_not_let_the_request_pass_is_not_heard() {
    let mut scene = scene("/", &[]);
    carry_out(&mut scene, Side::Response, &[Set("x-failed", "1")]);
    scene.discard();
    let wishes: [&[Edit]; 3] = [
        &[Set("x-first", "1")],
        &[Set("x-second", "1")],
        &[Set("x-third", "1")],
    ];
    pass(&mut scene, &wishes);
    scene.begin(Phase::Request);
    carry_out(&mut scene, Side::Response, &[Set("x-answered-itself", "1")]);
    scene.commit();
    // The third one stopped the request's body, and sees nothing of the response.
    let lines = receive(&mut scene, &[], 2);
    let expected = [("x-first", "1"), ("x-second", "1")];
    assert_eq!(
        lines,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn responses_are_edited() {
    let mut scene = answered(&[
        ("set-cookie", "a"),
        ("set-cookie", "b"),
        ("x_server", "1"),
        ("server", "x"),
    ]);
    carry_out(
        &mut scene,
        Side::Response,
        &[Append("set-cookie", "c"), Remove("server"), Set("x-server", "2")],
    );
    for status in [0, 99, 100, 101, 199, 600, 1000] {
        assert_eq!(
            scene.set_status(status),
            Err(EditError::InvalidSyntax),
            "{status}"
        );
    }
    scene.set_status(599).unwrap();
    assert_eq!(scene.status().unwrap(), 599);
    let (_, fields) = scene.reply().unwrap();
    let seen = sorted(all(fields));
    scene.commit();
    let response = scene.response.as_ref().unwrap();
    assert_eq!(response.status, 599);
    let lines = response
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let lines = sorted(lines.collect());
    assert_eq!(lines, seen);
    let expected = [
        ("set-cookie", "a"),
        ("set-cookie", "b"),
        ("set-cookie", "c"),
        ("x-server", "2"),
        ("x_server", "1"),
    ];
    assert_eq!(
        lines,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn targets_are_replaced_with_their_canonical_path() {
    let table = [
        ("/x/%6cogin//y?q=%20", "/x/login/y", Some("q=%20")),
        ("/plain", "/plain", None),
        ("/a?", "/a", Some("")),
        ("/a/./b;p=1", "/a/b;p=1", None),
    ];
    for absolute in ["", "http://example.com"] {
        for (target, path, query) in table {
            let mut scene = scene(&format!("{absolute}/before?x=1"), &[]);
            scene.canonical = Some("/stale".into());
            scene.set_target(target).unwrap();
            for _ in 0..2 {
                assert_eq!((scene.path(), scene.query()), (path, query));
                assert_eq!(scene.path_with_query(), target);
                scene.commit();
            }
            assert_eq!(scene.head.uri.scheme().is_some(), !absolute.is_empty());
            assert_eq!(scene.canonical.is_some(), path != scene.head.uri.path());
        }
    }
}

#[test]
fn targets_that_mean_two_things_are_refused() {
    let mut scene = scene("/", &[]);
    for target in [
        "",
        "*",
        "x",
        "http://a/",
        "/a#b",
        "/a b",
        "/a\r\n",
        "/é",
        "/a?b c",
        "/%2f",
        "/..",
        "/a\\b",
        "/%00",
        "/%zz",
    ] {
        assert_eq!(
            scene.set_target(target),
            Err(EditError::InvalidSyntax),
            "{target}"
        );
    }
    let long = format!("/{}", "x".repeat(64 << 10));
    assert_eq!(scene.set_target(&long), Err(EditError::TooLarge));
    assert_eq!(scene.path_with_query(), "/");
}

#[test]
fn methods_and_authorities_are_checked() {
    let mut scene = scene("/", &[]);
    for method in ["", "A B", "é", "GET\r\n"] {
        assert_eq!(
            scene.set_method(method),
            Err(EditError::InvalidSyntax),
            "{method}"
        );
    }
    for method in ["CONNECT", "TRACE"] {
        assert_eq!(scene.set_method(method), Err(EditError::Forbidden));
    }
    for authority in ["", "a b", "user@host", "a/b", "a:port", "a,b", "a\r\n"] {
        assert_eq!(
            scene.set_authority(authority),
            Err(EditError::InvalidSyntax),
            "{authority}"
        );
    }
    scene.set_method("PURGE").unwrap();
    scene.set_authority("[::1]:8080").unwrap();
    assert_eq!(
        (
            scene.method().as_str(),
            scene.authority().unwrap().to_str().unwrap()
        ),
        ("PURGE", "[::1]:8080")
    );
    scene.commit();
    assert_eq!(
        (scene.head.method.as_str(), scene.host.to_str().unwrap()),
        ("PURGE", "[::1]:8080")
    );
}

#[test]
fn cookies_are_found_in_all_lines() {
    let scene = scene(
        "/",
        &[
            ("cookie", "a=1; session=\"quoted\"; ; odd"),
            ("cookie", "a=2;b=x=y; ab=3"),
        ],
    );
    for (name, value) in [
        ("a", Some("1")),
        ("session", Some("quoted")),
        ("b", Some("x=y")),
        ("odd", None),
        ("A", None),
        ("", None),
    ] {
        let found = scene
            .fields()
            .cookie(name)
            .map(|value| std::str::from_utf8(value).unwrap());
        assert_eq!(found, value, "{name}");
    }
}

#[test]
fn memory_is_committed_with_the_hook_that_wrote_it() {
    use super::super::Attribute;
    let mut scene = scene("/", &[]);
    scene.set_private("a", b"1".to_vec()).unwrap();
    scene.set_attribute("k", Attribute::Integer(1)).unwrap();
    assert_eq!((scene.private("a"), scene.private("b")), (&b"1"[..], &b""[..]));
    scene.commit();
    scene.begin(Phase::Response);
    scene.set_private("a", b"2".to_vec()).unwrap();
    scene.set_attribute("k", Attribute::Integer(2)).unwrap();
    assert_eq!(
        (scene.private("a"), scene.attribute("k")),
        (&b"2"[..], Some(&Attribute::Integer(2)))
    );
    scene.discard();
    assert_eq!(
        (scene.private("a"), scene.attribute("k")),
        (&b"1"[..], Some(&Attribute::Integer(1)))
    );
}
