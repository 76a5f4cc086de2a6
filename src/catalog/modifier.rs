//! Modifiers: annotations that build nothing and change every monitor below them.

/// An annotation on a record or a protocol that its monitors inherit.
#[derive(Debug, Clone, Copy)]
pub struct Modifier {
    /// The annotation's name, without `@`.
    pub name: &'static str,
    /// What its value may be, in words.
    pub takes: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// An annotation that works as it is.
    pub example: &'static str,
}

/// All modifiers, by name.
pub const MODIFIERS: &[Modifier] = &[
    Modifier {
        name: "alert_channel",
        takes: "a text or a list of texts",
        summary: "Who is notified. `cart-alerts`, `slack-cart-alerts`, `@slack-cart-alerts` and `#cart-alerts` are the same Slack channel; `@pagerduty-x`, other handles and e-mail addresses work too.",
        example: "@alert_channel([\"cart-alerts\", \"@pagerduty-cart\"])",
    },
    Modifier {
        name: "monitor_tags",
        takes: "a list of tags",
        summary: "Tags of the monitors, besides bellwether's own.",
        example: "@monitor_tags([\"team:cart\"])",
    },
    Modifier {
        name: "owner",
        takes: "a text",
        summary: "Who answers for the event; stands in the message.",
        example: "@owner(\"team-cart\")",
    },
    Modifier {
        name: "priority",
        takes: "a whole number, 1 to 5",
        summary: "The priority of the monitors.",
        example: "@priority(2)",
    },
    Modifier {
        name: "runbook",
        takes: "a URL",
        summary: "What to do when it fires; stands in the message.",
        example: "@runbook(\"https://wiki.example.com/cart\")",
    },
];
