"""The mails we send, in English and Dutch: plain text, no more than their reader needs.

Pure: `write` fills a letter in. Nothing of a letter is ever markup or comes from a stranger, but for the words that a
rider and the staff write each other.
"""

from collections.abc import Mapping

FOOT = {
    "en": "\n\nThis mail was written by a program; nobody reads answers to it.\n",
    "nl": "\n\nDeze mail is door een programma geschreven; antwoorden worden niet gelezen.\n",
}

# kind: language: (subject, text)
LETTERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "sign_up": {
        "en": (
            "Confirm your address",
            "Somebody, most likely you, wants to sign up with this address.\n\n"
            "Choose a password here, within a day:\n{link}\n\nIf it was not you, do nothing: there is no account then.",
        ),
        "nl": (
            "Bevestig je adres",
            "Iemand, waarschijnlijk jij, wil zich met dit adres aanmelden.\n\n"
            "Kies hier binnen een dag een wachtwoord:\n{link}\n\nWas jij het niet, doe dan niets: dan komt er niets.",
        ),
    },
    "sign_up_known": {
        "en": (
            "You have an account already",
            "Somebody, most likely you, wanted to sign up with this address. It has an account already.\n\n"
            "Sign in with it, or get a new password here:\n{url}/account\n\nIf it was not you, nothing has happened.",
        ),
        "nl": (
            "Je hebt al een account",
            "Iemand, waarschijnlijk jij, wilde zich met dit adres aanmelden. Het heeft al een account.\n\n"
            "Log ermee in, of vraag hier een nieuw wachtwoord:\n{url}/account\n\nWas jij het niet, doe dan niets.",
        ),
    },
    "reset": {
        "en": (
            "Choose a new password",
            "Choose a new password here, within an hour:\n{link}\n\n"
            "All your devices are signed out then. If you did not ask for this, do nothing.",
        ),
        "nl": (
            "Kies een nieuw wachtwoord",
            "Kies hier binnen een uur een nieuw wachtwoord:\n{link}\n\n"
            "Al je apparaten worden dan uitgelogd. Heb je hier niet om gevraagd, doe dan niets.",
        ),
    },
    "reset_unknown": {
        "en": (
            "No account with this address",
            "Somebody asked for a new password for this address, but it has no account here.\n"
            "Perhaps you signed up with another one. If it was not you, do nothing.",
        ),
        "nl": (
            "Geen account met dit adres",
            "Iemand vroeg een nieuw wachtwoord voor dit adres, maar het heeft hier geen account.\n"
            "Misschien heb je je met een ander adres aangemeld. Was jij het niet, doe dan niets.",
        ),
    },
    "password_changed": {
        "en": (
            "Your password was changed",
            "The password of your account was changed, and other devices were signed out.\n"
            "If it was not you, get a new one at once:\n{url}/account",
        ),
        "nl": (
            "Je wachtwoord is gewijzigd",
            "Het wachtwoord van je account is gewijzigd en andere apparaten zijn uitgelogd.\n"
            "Was jij het niet, vraag dan meteen een nieuw aan:\n{url}/account",
        ),
    },
    "address": {
        "en": (
            "Confirm your new address",
            "This shall be the new address of your account. Confirm it here, within a day:\n{link}\n\n"
            "If you did not ask for this, do nothing.",
        ),
        "nl": (
            "Bevestig je nieuwe adres",
            "Dit wordt het nieuwe adres van je account. Bevestig het hier binnen een dag:\n{link}\n\n"
            "Heb je hier niet om gevraagd, doe dan niets.",
        ),
    },
    "address_asked": {
        "en": (
            "Your address is about to change",
            "Somebody signed in as you asked for another address for your account. It changes once that address is\n"
            "confirmed. If it was not you, get a new password at once:\n{url}/account",
        ),
        "nl": (
            "Je adres gaat veranderen",
            "Iemand die als jou is ingelogd heeft een ander adres voor je account opgegeven. Het verandert zodra\n"
            "dat adres bevestigd is. Was jij het niet, vraag dan meteen een nieuw wachtwoord aan:\n{url}/account",
        ),
    },
    "address_changed": {
        "en": (
            "Your address was changed",
            "The address of your account was changed. From now on mail goes to the new one.\n"
            "If it was not you, write to whoever runs these bicycles.",
        ),
        "nl": (
            "Je adres is gewijzigd",
            "Het adres van je account is gewijzigd. Vanaf nu gaat mail naar het nieuwe.\n"
            "Was jij het niet, schrijf dan aan de beheerder van deze fietsen.",
        ),
    },
    "factors_changed": {
        "en": (
            "How you sign in was changed",
            "A way to sign in to your account was added or removed: {what}.\n"
            "If it was not you, get a new password at once:\n{url}/account",
        ),
        "nl": (
            "Je manier van inloggen is gewijzigd",
            "Er is een manier om op je account in te loggen toegevoegd of verwijderd: {what}.\n"
            "Was jij het niet, vraag dan meteen een nieuw wachtwoord aan:\n{url}/account",
        ),
    },
    "invitation": {
        "en": (
            "You are invited to the team",
            "You are invited to work with {team} as {role}.\n\nChoose a password here, within three days:\n{link}\n\n"
            "If you do not know what this is about, do nothing.",
        ),
        "nl": (
            "Je bent uitgenodigd voor het team",
            "Je bent uitgenodigd om bij {team} te werken als {role}.\n\n"
            "Kies hier binnen drie dagen een wachtwoord:\n{link}\n\nWeet je niet waar dit over gaat, doe dan niets.",
        ),
    },
    "erased": {
        "en": (
            "Your account was deleted",
            "Your account is gone, and what it knew of you with it. Of your rides what the law asks for is kept,\n"
            "without your name or address.",
        ),
        "nl": (
            "Je account is verwijderd",
            "Je account is weg, en wat het over je wist ook. Van je ritten blijft wat de wet vraagt,\n"
            "zonder je naam of adres.",
        ),
    },
    "ticket_opened": {
        "en": (
            "We have your message ({number})",
            "Your message has the number {number}. Somebody looks at it within 48 hours, and you have an answer\n"
            "within 28 days. Read it here:\n{url}/account#ticket={number}",
        ),
        "nl": (
            "We hebben je bericht ({number})",
            "Je bericht heeft nummer {number}. Binnen 48 uur kijkt er iemand naar, en binnen 28 dagen heb je\n"
            "antwoord. Je leest het hier:\n{url}/account#ticket={number}",
        ),
    },
    "ticket_answered": {
        "en": (
            "An answer to {number}",
            "{who} wrote about {number}:\n\n{text}\n\n{url}/account#ticket={number}",
        ),
        "nl": (
            "Antwoord op {number}",
            "{who} schreef over {number}:\n\n{text}\n\n{url}/account#ticket={number}",
        ),
    },
    "ticket_decided": {
        "en": (
            "Decided: {number}",
            "{who} decided about {number}: {outcome}.\n\n{text}\n\nDo you disagree? Write again within 28 days:\n"
            "{url}/account#ticket={number}",
        ),
        "nl": (
            "Besloten: {number}",
            "{who} heeft over {number} besloten: {outcome}.\n\n{text}\n\nBen je het er niet mee eens? Schrijf binnen\n"
            "28 dagen terug:\n{url}/account#ticket={number}",
        ),
    },
}

WORDS = {  # of values that a program chose
    "nl": {
        "technician": "monteur",
        "admin": "beheerder",
        "upheld": "je hebt gelijk gekregen",
        "partly": "je hebt deels gelijk gekregen",
        "refused": "afgewezen",
        "an authenticator app": "een authenticator-app",
        "a passkey": "een passkey",
        "recovery codes": "herstelcodes",
        "company sign-in": "inloggen via je bedrijf",
    },
    "en": {"upheld": "you are right", "partly": "you are right in part"},
}


def write(kind: str, language: str | None, values: Mapping[str, str]) -> tuple[str, str]:
    """(subject, text) of one letter. `values`: what stands in its braces."""
    spoken = language if language in FOOT else "en"
    subject, text = LETTERS[kind][spoken]
    said = {name: WORDS[spoken].get(value, value) for name, value in values.items()}
    return subject.format(**said), text.format(**said) + FOOT[spoken]
