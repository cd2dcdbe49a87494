"""Telling people: what a message is, how its text is made, and how it leaves.

What is promised:

* A message is told once per key. The key names the rule or transition, the row, the cycle and the notice (catalogue
  C16); whoever queues messages drops a key that was queued before, so a second run at the same ``now`` tells nothing.
* At least once, whatever happens: a message is marked as being sent before a channel sees it and as sent after the
  channel took it, so a crash between the two repeats that one message and loses none. With a channel that drops
  repeats of a key (Feishu's ``uuid`` does for an hour) it arrives exactly once.
* One message that a channel refuses holds up no other. It is tried again later, at growing distances, without end.
* With several channels they are asked in order until one takes the message, never two for the same message, unless
  nobody can tell whether the first one sent it and the next drain asks again.
* A message whose text was made is a value: what is sent later is what was planned, word for word.
* Nothing here asks the clock, and no text holds a secret.

``message`` makes texts, ``templates`` are what they are made from, ``outbox`` sends what waits, ``channels`` are the
ways out.
"""
