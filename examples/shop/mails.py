"""The shop's e-mails: what they say, and sending one."""

from __future__ import annotations

import smtplib
from email.headerregistry import Address
from email.message import EmailMessage
from enum import StrEnum

from examples.shop.orders import Order

#: The header that names a mail, so that one sent twice is seen to be the same.
NAME_HEADER = "X-Shop-Mail"
SHOP = Address("The print shop", "shop", "example.com")


class Mail(StrEnum):
    """The occasions on which the shop writes."""

    WELCOME = "welcome"
    RECEIPT = "receipt"
    REMINDER = "reminder"


SUBJECTS = {
    Mail.WELCOME: "Welcome to the print shop",
    Mail.RECEIPT: "Receipt for order {order.id}",
    Mail.REMINDER: "Order {order.id} is still to be paid",
}
TEXTS = {
    Mail.WELCOME: "Good to have you with us. Your first order is {order.id}.",
    Mail.RECEIPT: "Thank you for order {order.id}: {order.total:.2f} € for\n\n{items}",
    Mail.REMINDER: "We are waiting for {order.total:.2f} € for order {order.id}.",
}


def compose(mail: Mail, to: str, order: Order) -> EmailMessage:
    """Write a mail about an order to the address `to`; raises ValueError for what is no address."""
    items = "\n".join(f"  {line.quantity} x {line.sku}" for line in order.lines)
    message = EmailMessage()
    message[NAME_HEADER] = f"{mail}-{order.id}"
    message["From"] = SHOP
    message["To"] = Address(order.customer, addr_spec=to)
    message["Subject"] = SUBJECTS[mail].format(order=order)
    text = TEXTS[mail].format(order=order, items=items)
    message.set_content(f"Dear {order.customer},\n\n{text}\n")
    return message


def send(message: EmailMessage, smtp: str) -> None:
    """Hand a message to the SMTP server at "host:port".

    Raises OSError; SMTPException, for what the server refuses, is one.
    """
    host, port = smtp.rsplit(":", 1)
    # Named here, because smtplib would ask the DNS who we are, for seconds where it is slow.
    with smtplib.SMTP(host, int(port), local_hostname="localhost", timeout=10) as connection:
        connection.send_message(message)
