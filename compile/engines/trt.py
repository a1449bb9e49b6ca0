from model.graph import Unavailable

QUICK = False


def probe(place, precision):
    raise Unavailable("is being written")
