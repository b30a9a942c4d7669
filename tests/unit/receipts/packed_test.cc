// Receipts come out of the store as they went in, whatever they say, and from stores of other versions, too.
#include "receipts/packed.h"

#include <gtest/gtest.h>

#include <random>

#include "base/hash.h"

namespace settle {
namespace {

/// As the engine writes them.
const std::string typical =
    R"({"action":"note","approvals":[],"attempt":1,"confidence":"read_back","effect":"complete","element":null,)"
    R"("errors":[],"executed_at":"2026-11-27T02:19:46.696Z","fallback":null,"idempotency":{"mode":"key",)"
    R"("window":"24h"},"idempotency_key":"g8nn9avos7d8qaielogk0ehdet90np8f","ids":["5"],"input":{"body":"Called about )"
    R"(the invoice of May","contact":"c_17"},"input_digest":)"
    R"("sha256:5b6a6826645fd3f686ace1006a4b120b501f318bca3a1c31e7de757336d84d16","issued_at":)"
    R"("2026-11-27T02:19:46.700Z","namespace":"default","next_state":"end","operator":null,"phase":null,)"
    R"("receipt":"rcp_wf_01a21acd-386e-7f5c-8fdc-38a951fdc7df.1","record_id":"5","result":{"digest":)"
    R"("sha256:1048f28d86a21cf6948bca338928001b6cadce5cca12f5179e03e51bdd631646","summary":{"id":"5"}},"role":"main",)"
    R"("started_at":"2026-11-27T02:19:46.670Z","state":"verified","status_code":201,"supersedes":null,"tool":)"
    R"({"name":"crm.add_note","version":"sha256:c052fc6180c0db32cae3e850b25f62d42d349b5cb94b7c094881f4e8d8e61bad"},)"
    R"("verification":{"checks":[{"actual":"5","at":"/id","expected":"5","ok":true,"operator":"equals"}],)"
    R"("method":"read_back","observed_at":"2026-11-27T02:19:46.700Z"},"verified_at":"2026-11-27T02:19:46.700Z",)"
    R"("workflow":"wf_01a21acd-386e-7f5c-8fdc-38a951fdc7df"})";

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

TEST(PackedReceipt, comes_out_as_it_went_in) {
  std::mt19937 dice(3);
  for (int i = 0; i < 2'000; ++i) {
    std::string receipt = typical.substr(0, dice() % typical.size());
    const std::size_t noise = dice() % 300;
    for (std::size_t at = 0; at < noise; ++at) receipt += static_cast<char>(dice());
    if (i % 3 == 0) receipt += typical;
    receipt.insert(0, "{");
    const std::string packed = pack_receipt(receipt);
    EXPECT_LE(packed.size(), receipt.size());
    const Result<std::string> back = unpack_receipt(packed);
    ASSERT_TRUE(back);
    ASSERT_EQ(*back, receipt);
  }
}

TEST(PackedReceipt, leaves_less_than_half_of_a_typical_one) {
  EXPECT_LT(2 * pack_receipt(typical).size(), typical.size());
}

TEST(PackedReceipt, one_that_was_stored_as_it_is_stays_readable) {
  EXPECT_EQ(*unpack_receipt(typical), typical);
  EXPECT_EQ(*unpack_receipt("{}"), "{}");
}

/// Made by the version that brought packing: a change of the dictionary would make all stored receipts unreadable.
TEST(PackedReceipt, what_the_first_version_packed_can_be_read_for_ever) {
  const std::string stored = from_hex(
      "0128b52ffd60c003850e0094156e6f7465222c312d32375430323a31393a34362e3639365a2267386e6e3961766f73376438"
      "716169656c6f676b30656864657439306e70386635225d6f6479223a2243616c6c65642061626f7574696e766f696365206f"
      "66204d617974615f313735623661363832363634356664336636383661636531303036613462313230623530316633313862"
      "6361336131633331653764653735373333366438346431363730316132316163642d333836652d376635632d386664632d33"
      "3861393531666463376466223531303438663238643836613231636636393438626361333338393238303031623663616463"
      "65356363613132663531373965303365353162646436333136343635363763726d2e61646563303532666336313830633064"
      "6233326361653365383530623235663632643432643334396235636239346237633039343838316634653864386536316261"
      "64227d2c3535227d272030c2881029facf0409008126814f58c190046822439f30619cf889034527cb8563a2765ed8480a4c"
      "c586e1a69909452af84c285849a0c8538e957c0ef84472be703b50a3e56b09af38c47444e50070d867f05b67ce716b8e8ec2"
      "2417a56e362ab901ff01bf0d348af7645e75c194ead26e6020");
  ASSERT_EQ(stored[0], 1);
  const Result<std::string> back = unpack_receipt(stored);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, typical);
}

TEST(PackedReceipt, what_is_damaged_is_told_or_is_other_text_and_never_more) {
  const std::string packed = pack_receipt(typical);
  for (std::size_t cut = 1; cut < packed.size(); ++cut) EXPECT_FALSE(unpack_receipt(packed.substr(0, cut))) << cut;
  std::mt19937 dice(5);
  std::size_t told = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = packed;
    for (std::size_t flips = 1 + dice() % 4; flips > 0; --flips)
      damaged[1 + dice() % (damaged.size() - 1)] ^= static_cast<char>(1 << (dice() % 8));
    const Result<std::string> back = unpack_receipt(damaged);
    if (!back) {
      EXPECT_EQ(back.error().code, ErrorCode::corruption);
      ++told;
    }
  }
  EXPECT_GT(told, 1'000U);
}

}  // namespace
}  // namespace settle
