"""Problems as a page tells them: an error's reason decides the text, in the language of the page."""

from __future__ import annotations

from ostiary.errors import DomainError
from ostiary.pages.texts import Texts, marked

_REFUSED = marked("You cannot sign in here now. Ask an administrator.")
_NOT_CONFIRMED = marked("The email address of this account is not confirmed yet.")
_NOT_THERE = marked("The other provider could not sign you in. Try again, or choose another way.")
_TEXTS = {
    "ADDRESS_NOT_CONFIRMED": _NOT_CONFIRMED,
    "ACCOUNT_FORM_OLD": marked("The page was an old one. Open it again and repeat what you wanted to do."),
    "CODE_EXPIRED": marked("This code is not valid any more. Ask for a new one."),
    "CODE_USED": marked("This code was used already. Wait for the next one."),
    "EMAIL_MISSING": marked("Enter your email address."),
    "EMAIL_TAKEN": marked("There is an account with this email address already. Sign in, or choose a new password."),
    "HASHING_BUSY": marked("Too many people are signing in at this moment. Try again in a few seconds."),
    "INVALID_EMAIL": marked("An email address has the form name@example.com."),
    "INVALID_NAME": marked("This name cannot be used. Choose another one."),
    "INVALID_PHONE_NUMBER": marked("A telephone number begins with the code of the country, such as +44 20 7946 0000."),
    "INVALID_USERNAME": marked("This user name cannot be used. Choose another one."),
    "MISSING_FIELD": marked("Fill in every field."),
    "MEMBER_LINKED": _REFUSED,
    "NOT_A_MEMBER": _REFUSED,
    "NO_SUCH_APPLICATION": marked("This application does not have access, or not any more."),
    "NO_SUCH_CHANGE": marked("This cannot be done here."),
    "NO_SUCH_FACTOR": marked("There is no such factor any more."),
    "NO_SUCH_SESSION": marked("There is no such session any more."),
    "PASSKEY_KNOWN": marked("This passkey is set up already."),
    "PASSKEY_REFUSED": marked("This passkey was not accepted. Try again, or choose another way."),
    "PASSWORDS_DIFFER": marked("The two passwords differ. Type the same one twice."),
    "PASSWORD_CHANGED_MEANWHILE": marked("The password was changed by somebody else at the same time. Try again."),
    "PASSWORD_CHANGED_RECENTLY": marked("The password was changed a short time ago. Try again later."),
    "PASSWORD_CONTAINS_NAME": marked(
        "The password must not contain the user name or the beginning of the email address."
    ),
    "PASSWORD_EXPIRED": marked("Your password has expired. Ask an administrator for a new one."),
    "PASSWORD_REUSED": marked("You have used this password before. Choose another one."),
    "PASSWORD_NEEDED": _NOT_THERE,
    "PROVIDER_DENIED": marked("You have cancelled the sign-in there. Try again, or choose another way."),
    "PROVIDER_FAILED": _NOT_THERE,
    "PROVIDER_UNREACHABLE": marked("The other provider does not answer at this moment. Try again later."),
    "RESET_PASSWORD_DISABLED": marked("Passwords cannot be reset here. Ask an administrator for a new one."),
    "SELF_SERVICE_DISABLED": marked("Only an administrator changes accounts and passwords here."),
    "SIGN_UP_DISABLED": marked("New accounts are not opened here. Ask an administrator for one."),
    "TEXT_TOO_LONG": marked("One of the texts is too long."),
    "TOO_MANY_CODES": marked(
        "Too many wrong codes. The account is locked for a while; try again later, or ask an administrator."
    ),
    "TOO_MANY_MESSAGES": marked("Too many messages were sent to you in a short time. Try again in half an hour."),
    "TOO_MANY_SIGN_INS": marked("Too many tries in a short time. Wait a minute and try again."),
    "TOO_MANY_SIGN_UPS": marked("Too many people have signed up in a short time. Wait a minute and try again."),
    "USERNAME_TAKEN": marked("This user name is taken. Choose another one."),
    "USER_LOCKED": marked("This account is locked. Try again later, or ask an administrator."),
    "USER_NOT_VERIFIED": _NOT_CONFIRMED,
    "WRONG_CODE": marked("The code is wrong. Check it and type it again."),
    "WRONG_CREDENTIALS": marked("The email or password that you entered is incorrect."),
    "WRONG_PASSWORD": marked("The current password that you entered is incorrect."),
    # Where a link, a sign-in or a page cannot go on.
    "CSRF_FAILED": marked("This form does not belong to this browser. Go back to the application and sign in again."),
    "INVALID_CLIENT": marked("The application that sent you here is unknown."),
    "INVALID_REDIRECT_URI": marked("The application that sent you here is not registered with its address."),
    "LINK_EXPIRED": marked("This link has expired. Ask for a new one."),
    "LINK_NOT_FOUND": marked("This link is not valid. Is it whole? Links in old mails have expired."),
    "LINK_USED": marked("This link was used already. Ask for a new one if you need it."),
    "SIGN_IN_REFUSED": _REFUSED,
    "SIGN_IN_OVER": marked("This sign-in is over or took too long. Go back to the application and sign in again."),
    # A rule for passwords that a tenant has not put into its own words.
    "": marked("The password doesn't meet the strength requirements."),
}


def problem_text(texts: Texts, error: DomainError) -> str:
    """The text for the person at the page; the error's own message where the reason has none."""
    return texts(_TEXTS.get(error.reason, error.message))
