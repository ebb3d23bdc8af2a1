throw new RangeError("here");
