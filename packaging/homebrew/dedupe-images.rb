# A formula for a tap: the release workflow replaces url and sha256. Homebrew builds nothing here:
# pip installs the wheel and its dependencies into an environment of its own.
class DedupeImages < Formula
  desc "Find near-duplicate images with a compact siamese encoder"
  homepage "https://pypi.org/project/dedupe-images/"
  url "https://files.pythonhosted.org/packages/source/d/dedupe-images/dedupe_images-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "Apache-2.0"

  depends_on "python@3.12"

  def install
    system "python3.12", "-m", "venv", libexec
    system libexec/"bin/pip", "install", buildpath.to_s
    bin.install_symlink libexec/"bin/dedupe"
    man1.install "packaging/dedupe.1"
    generate_completions_from_executable(bin/"dedupe", "completion")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/dedupe --version")
  end
end
