export default {
  get fetch() {
    throw new TypeError("not yet");
  },
};
