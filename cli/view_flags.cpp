#include "cli/view_flags.h"

#include "fovea/models/dense.h"

namespace fovea::cli {

void ViewFlags::add_to(Arguments& app) {
  app.add_option(
         "--views",
         views,
         "Crops of each picture, whose probabilities are averaged: center; flip, with its mirror "
         "image; ten-crop, the corners and the center with theirs")
      ->check(one_of({"center", "flip", "ten-crop"}));
  app.add_option(
         "--scales", scales, "Resize the shorter side to each of these before the crops: 256,384")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("N,N")
      ->check(positive());
  app.add_flag(
      "--dense",
      dense,
      "Slide the network over the whole resized picture and average its scores over the positions");
}

data::ViewOptions ViewFlags::options() const {
  using enum data::ViewOptions::Crops;
  return {
      .crops = views == "ten-crop" ? ten : (views == "flip" ? flip : center),
      .short_sides = scales,
      .whole = dense};
}

models::Model ViewFlags::fitted(models::Model model) const {
  return dense ? models::make_dense(std::move(model)) : std::move(model);
}

void ViewFlags::tell_of(const data::Views& given, const Globals& g) const {
  if (given.options() == data::ViewOptions()) return;
  tell(g, given.str() + (given.count() > 1 ? "; their probabilities are averaged" : ""));
}

}  // namespace fovea::cli
