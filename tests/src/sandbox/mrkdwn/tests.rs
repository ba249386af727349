//! What markup becomes, and what hostile texts do not become.

use super::*;
use crate::slack::World;

fn html(text: &str) -> String {
    let world = World::desk();
    mrkdwn(text, Reader { world: &world, user: "U0AGENT1" })
}

#[test]
fn markup_becomes_tags() {
    assert_eq!(html("*b* _i_ ~s~ `c*`"), "<strong>b</strong> <em>i</em> <s>s</s> <code>c*</code>");
    assert_eq!(html("*b _bi_*"), "<strong>b <em>bi</em></strong>");
    assert_eq!(html("2*3*4 snake_case_name a * b *"), "2*3*4 snake_case_name a * b *");
    assert_eq!(html("> q\n&gt; r\nend"), "<blockquote>q<br>r</blockquote>end");
    assert_eq!(html("a ```x <b>\n*y*``` b"), "a <pre>x b\n*y*</pre> b");
    assert_eq!(html(":tada: :nope: 12:30"), "🎉 :nope: 12:30");
    assert_eq!(
        html("<@U0AGENT1> <@U0SYS1> <!here>"),
        concat!(
            r#"<span class="mention me">@Ana Agent</span> <span class="mention">@Sam Systems</span> "#,
            r#"<span class="mention crowd">@here</span>"#,
        )
    );
    assert_eq!(
        html("<https://x.io/?a=1&amp;b|A &amp; B>"),
        r#"<a href="https://x.io/?a=1&amp;b" target="_blank" rel="noopener noreferrer">A &amp; B</a>"#
    );
    assert_eq!(
        html("<!date^0^{date_long} at {time}|then>"),
        r#"<time datetime="1970-01-01T00:00:00Z" data-format="{date_long} at {time}">then</time>"#
    );
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "&lt;script&gt;",
        "<javascript:alert(1)|x>",
        "<https://x\" onmouseover=\"alert(1)|x>",
        "`<script>`",
        "```<script>```",
        "*<b onclick=1>*",
        "<!date^0^{date}\"><script>|\"><script>>",
        "<!date^0^{date}^javascript:1|x>",
        "<@U\"><script>>",
        "<#C\"><i>>",
        "http://x/\"><script>",
        "<!<script>>",
        "&amp;lt;script&amp;gt;",
        ":<b>:",
        "> <script>",
        "'\"`<>",
    ];
    for text in hostile {
        let shown = html(text);
        for tag in shown.split('<').skip(1) {
            let name: String =
                tag.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/').collect();
            let known = [
                "code",
                "/code",
                "pre",
                "/pre",
                "strong",
                "/strong",
                "a",
                "/a",
                "time",
                "/time",
                "span",
                "/span",
                "blockquote",
                "/blockquote",
                "br",
            ];
            assert!(known.contains(&name.as_str()), "{text} → {shown}");
            let attributes = tag.split('>').next().unwrap_or_default();
            let outside: Vec<&str> = attributes.split('"').step_by(2).collect();
            assert!(!outside.concat().contains(" on"), "{text} → {shown}");
        }
        assert!(!shown.contains("href=\"javascript"), "{shown}");
    }
    assert_eq!(html("&amp;lt;b&amp;gt;"), "&amp;lt;b&amp;gt;");
}

#[test]
fn a_long_hostile_line_is_drawn_at_once() {
    let started = std::time::Instant::now();
    for piece in ["*a ", " *_~a", "`", "<", " h", ":a"] {
        html(&piece.repeat(13_000));
    }
    assert!(started.elapsed().as_secs() < 5);
}
