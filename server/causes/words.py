"""Words that tell a cause wherever they stand: kinds of things, fields, and the small words of a sentence."""

import re

THINGS = frozenset(
    "vehicle driver user trip asset trailer group tag geofence route document message device gateway customer account "
    "organisation organization company contact location zone order job load stop shipment equipment tractor truck car van bus "
    "fleet connection resource record entity object item operation webhook report form inspection sensor camera site depot "
    "client tenant service database server file request response session template event alert role scope permission".split()
)
FIELDS = frozenset(
    "name email e-mail phone telephone mobile vin plate odometer mileage address city country state province zip postcode "
    "street latitude longitude date time timestamp status type code currency token key password username login license "
    "licence number imei serial firmware model make year colour color weight height length width capacity speed fuel "
    "engine gender birthday timezone language locale region notes description comment title amount price quantity unit "
    "start end duration distance id ids field value parameter property column header body payload url uri".split()
)
SMALL = frozenset(
    "create created read update updated delete deleted write insert removed added assigned put patch get post required "
    "invalid missing duplicate expired locked closed active inactive archived disabled enabled pending unknown null does "
    "did do were will would should could may might true false string integer boolean array list float the a an is are was "
    "not no and or of in on at to for from by with be has have can cannot must this that it already exists found".split()
)
TELLING = THINGS | FIELDS
PARTICLES = frozenset(
    "de da di do du del des der den dos das van von zu ter ten la le & and y und et bin al al- el og z e och ve i ve és".split()
)
"""Small words inside the names of people and firms."""

STATE = re.compile(r"\w{3,}(?:ed|ing|tion|able|ible|ment|ness|less)", re.I)
"""Words of this form tell what happened; they are no names."""

LINKING = PARTICLES | frozenset("am an of the upon or on in sur les bei ob vorm nad by at".split())
"""Small words inside the names of people, firms and places."""
